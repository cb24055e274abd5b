/** The shapes of the public API (see the API description at /openapi.json) and of the app's own parts. */

export {};

declare global {
  interface UserRef { id: string; handle: string }
  interface User extends UserRef {
    created_at: string;
    counts: { followers: number; following: number; videos: number; likes: number };
    viewer?: { following: boolean };
  }
  interface Session { token: string; user: UserRef & { guest: boolean }; expires_at: string }

  type Status = 'uploading' | 'queued' | 'processing' | 'playable' | 'ready' | 'rejected' | 'failed';
  interface Caption { language: string; label: string; url: string }
  interface Playback {
    hls: string | null; dash?: string | null; poster?: string | null; preview?: string | null; preview_mp4?: string | null; storyboard?: string | null; download?: string | null;
    captions?: Caption[]; expires_at?: string; thumbhash?: string | null;
  }
  interface Counts { views: number; likes: number; comments: number; shares: number }
  interface Video {
    id: string; creator: UserRef; description: string; status: Status; progress?: number;
    duration_ms: number | null; width: number | null; height: number | null; created_at: string; counts: Counts;
    playback?: Playback | null; failure?: { code: string; detail: string } | null; review?: { since: string };
    viewer?: { liked: boolean; following: boolean };
  }
  interface PlannedFetch { video_id: string; url: string; bytes: number; priority: number | string }
  interface FeedItem { video: Video; source: string; position: number }
  interface FeedPage {
    items: FeedItem[]; next_cursor: string | null; feed_id?: string; mode?: string; prefetch?: PlannedFetch[];
  }
  /** A feed item with the page it came from: what a report must name. */
  interface Entry { video: Video; source: string; position: number; feedId: string; mode: string }
  interface VideoComment { id: string; video_id: string; user: UserRef; text: string; created_at: string }
  interface Page<T> { items: T[]; next_cursor: string | null }

  type InteractionType =
    | 'view' | 'like' | 'unlike' | 'share' | 'skip' | 'not_interested' | 'report' | 'follow' | 'unfollow' | 'comment';
  interface Interaction {
    type: InteractionType; video_id: string; watch_ms: number; at: string;
    feed_id?: string; position?: number; event_id: string;
  }

  type PrefetchState = 'waiting' | 'loading' | 'fetched' | 'used' | 'wasted' | 'failed';
  interface PrefetchEntry {
    videoId: string; url: string; bytes: number; state: PrefetchState; ttfbMs: number; tookMs: number;
  }

  type Slot = 'current' | 'primed' | 'kept' | 'idle';

  /** What the controls on a slide do. */
  interface SlideActions {
    like: (entry: Entry) => void; comments: (entry: Entry) => void; share: (entry: Entry) => void; more: (entry: Entry) => void;
    sound: () => void; captions: () => void; follow: (entry: Entry) => void; seek: (seconds: number) => void; tap: () => void;
  }
  /** The parts of the page that a reel works with. */
  interface ReelContext {
    players: Players; prefetcher: Prefetcher; showings: Showings; social: Social; sound: Sound; captions: Captions; sessions: Sessions;
    actions: SlideActions; onCurrent: (entry: Entry | null) => void;
  }
  type Failure = 'expired' | 'broken';
  /** The parts of the page that a player works with. */
  interface PlayerContext {
    meter: Meter; prefetcher: Prefetcher; sound: Sound; captions: Captions; loader: any;
    onChange: (player: Player) => void; onFailure: (player: Player, failure: Failure) => void;
  }
  /** One media answer; `fromBrowserCache` is null when the browser does not tell. */
  interface MediaAnswer {
    url: string; protocol: string; cacheStatus: string; ttfbMs: number; bytes: number; fromBrowserCache: boolean | null;
  }
  /** What the players need of the feed on screen: its entries, and where a video element goes. */
  interface PlayersReel { entries: Entry[]; current: number; mount: (index: number, player: Player) => void }

  type Api = import('./api.js').Api;
  type Sessions = import('./session.js').Sessions;
  type Reporter = import('./report.js').Reporter;
  type Social = import('./social.js').Social;
  type Sound = import('./sound.js').Sound;
  type Captions = import('./captions.js').Captions;
  type Meter = import('./meter.js').Meter;
  type Prefetcher = import('./prefetch.js').Prefetcher;
  type Players = import('./players.js').Players;
  type Player = import('./player.js').Player;
  type Router = import('./router.js').Router;
  type Showings = import('./showing.js').Showings;
  type Uploader = import('./uploader.js').Uploader;
  type FeedSource = import('./feed-source.js').FeedSource;
  type Route = import('./rules/routes.js').Route;
  type UploadState = import('./uploader.js').UploadState;

  interface HTMLVideoElement { webkitEnterFullscreen?: () => void }
  interface Navigator { connection?: EventTarget & { saveData?: boolean; effectiveType?: string } }
  interface Window { tus?: any; ManagedMediaSource?: unknown }
  interface RequestInit { priority?: 'high' | 'low' | 'auto' }
}
