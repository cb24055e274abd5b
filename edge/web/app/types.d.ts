/** The shapes of the public API (see the API description at /openapi.json) and of the app's own parts. */

export interface UserRef { id: string; handle: string }
export interface User extends UserRef {
  created_at: string;
  counts: { followers: number; following: number; videos: number; likes: number };
  viewer?: { following: boolean };
}
export interface Session { token: string; user: UserRef & { guest?: boolean }; expires_at: string }

export type Status = 'uploading' | 'queued' | 'processing' | 'playable' | 'ready' | 'rejected' | 'failed';
export interface Caption { url: string; lang?: string; language?: string; label?: string }
export interface Playback {
  hls: string; dash?: string; poster?: string; preview?: string; storyboard?: string;
  captions?: Caption[]; expires_at?: string; thumbhash?: string;
}
export interface Counts { views: number; likes: number; comments: number; shares: number }
export interface Video {
  id: string; creator: UserRef; description: string; status: Status; progress?: number;
  duration_ms: number; width: number; height: number; created_at: string; counts: Counts;
  playback?: Playback | null; failure?: { code: string; detail: string } | null;
  viewer?: { liked: boolean; following: boolean };
}
export interface PlannedFetch { video_id: string; url: string; bytes: number; priority: number | string }
export interface FeedItem { video: Video; source: string; position: number }
export interface FeedPage {
  items: FeedItem[]; next_cursor: string | null; feed_id?: string; mode?: string; prefetch?: PlannedFetch[];
}
/** A feed item with the page it came from: what a report must name. */
export interface Entry { video: Video; source: string; position: number; feedId: string; mode: string }
export interface Comment { id: string; video_id: string; user: UserRef; text: string; created_at: string }
export interface Page<T> { items: T[]; next_cursor: string | null }

export type InteractionType =
  | 'view' | 'like' | 'unlike' | 'share' | 'skip' | 'not_interested' | 'report' | 'follow' | 'unfollow' | 'comment';
export interface Interaction {
  type: InteractionType; video_id: string; watch_ms: number; at: string;
  feed_id?: string; position?: number; event_id: string;
}

export type PrefetchState = 'waiting' | 'loading' | 'fetched' | 'used' | 'wasted' | 'failed';
export interface PrefetchEntry {
  videoId: string; url: string; bytes: number; state: PrefetchState; ttfbMs: number; tookMs: number;
}

export type Slot = 'current' | 'primed' | 'kept' | 'idle';

declare global {
  interface HTMLVideoElement { webkitEnterFullscreen?: () => void }
  interface Navigator { connection?: EventTarget & { saveData?: boolean; effectiveType?: string } }
  interface Window { tus?: any; ManagedMediaSource?: unknown }
  interface RequestInit { priority?: 'high' | 'low' | 'auto' }
}
