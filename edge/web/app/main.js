/** Puts the app together: one of each part, and which screen an address shows. */
import { Api } from './api.js';
import { prefetchHeaders } from './cmcd.js';
import { Comments } from './comments.js';
import { element, must, paintAvatar } from './element.js';
import { FeedSource } from './feed-source.js';
import { listenForKeys } from './keyboard.js';
import { Meter } from './meter.js';
import { openKeys, openMore, share } from './more.js';
import { nameAsker } from './name.js';
import { Panel } from './panel.js';
import { Players } from './players.js';
import { Prefetcher } from './prefetch.js';
import { Profile } from './profile.js';
import { Reel } from './reel.js';
import { Reporter } from './report.js';
import { Router } from './router.js';
import { Sessions } from './session.js';
import { Showings } from './showing.js';
import { Social } from './social.js';
import { Sound } from './sound.js';
import { blank } from './states.js';
import { toast } from './toast.js';
import { listenForGestures } from './touch.js';
import { UploadPage } from './upload.js';
import { Uploader } from './uploader.js';

/** @typedef {import('./types.js').Entry} Entry @typedef {import('./rules/routes.js').Route} Route @typedef {import('./player.js').Player} Player */

const main = must('#main');
const sessions = new Sessions();
const api = new Api(sessions);
const reporter = new Reporter(api);
const showings = new Showings(reporter);
const sound = new Sound();
const meter = new Meter();
const prefetcher = new Prefetcher(meter, prefetchHeaders);
const router = new Router(show);
const needName = nameAsker(sessions, router);
const social = new Social(api, needName);
const uploader = new Uploader(sessions);
const comments = new Comments({ api, social, sessions, router, needName });

/** @type {Map<string, Reel>} */
const reels = new Map();
/** @type {Reel | null} */
let reel = null;
/** @type {{ close: () => void } | null} */
let page = null;

const players = new Players({ meter, prefetcher, sound, onChange: playerChanged, onFailure: (player, failure) => void playerFailed(player, failure) });
const panel = new Panel({ meter, prefetcher, players, entry: () => reel?.entry ?? null });

/** @type {import('./slide.js').SlideActions} */
const actions = {
  like: (entry) => void social.like(entry.video, !social.likeOf(entry.video).liked),
  comments: () => comments.toggle(),
  share: (entry) => void share(entry, reporter),
  more: (entry) => openMore({ router, reporter, panel, skip: () => reel?.step(1) }, entry),
  sound: () => sound.toggle(),
  follow: ({ video }) => {
    const before = social.follows(video.creator, video.viewer?.following);
    void social.follow(video.creator, !before, before);
  },
  seek: (seconds) => players.current?.seek(seconds),
  tap: () => pauseOrPlay(),
};

function pauseOrPlay() {
  const player = players.current;
  if (player?.video.paused) void player.play();
  else player?.pause();
}

/** @param {Player} player */
function playerChanged(player) {
  reel?.show(player);
  if (player.slot !== 'current') return;
  const running = !player.video.paused && !player.stalled && player.painted && !document.hidden;
  showings.observe(running);
  prefetcher.update({ playing: player.painted, bufferedS: player.bufferedS, bufferedToEnd: player.bufferedToEnd });
}

/** Entries whose playback addresses were renewed once already. @type {WeakSet<Entry>} */
const renewed = new WeakSet();

/** An expired address is renewed once; what will not play is passed over with a note. @param {Player} player @param {import('./player.js').Failure} failure */
async function playerFailed(player, failure) {
  const entry = player.entry;
  const owner = reel;
  if (!entry || !owner) return;
  if (failure === 'expired' && !renewed.has(entry)) {
    try {
      const fresh = { ...entry, video: await api.video(entry.video.id) };
      renewed.add(fresh);
      owner.replace(entry, fresh);
      if (player.entry === entry && reel === owner) players.reload(player);
      return;
    } catch {
      // Falls through: without a new address it is passed over like any other that will not play.
    }
  }
  if (!navigator.onLine) return;
  owner.remove(entry);
  if (player.slot === 'current') toast('That video would not play, so here is the next one.');
}

/** @param {Route} route @param {any} state */
function show(route, state) {
  page?.close();
  page = null;
  const key = route.name === 'watch' ? `watch/${route.id}` : route.name;
  const next = route.name === 'foryou' || route.name === 'following' || route.name === 'watch' ? reelFor(key, route, state) : null;
  if (reel !== next) reel?.deactivate();
  if (reel && reel !== next && !['foryou', 'following'].includes([...reels].find(([, one]) => one === reel)?.[0] ?? '')) dropReel(reel);
  reel = next;
  document.body.dataset.screen = next ? 'reel' : route.name;
  showPlace();
  document.title = { foryou: 'Reelway', following: 'Following · Reelway', watch: 'Reelway', profile: 'Profile · Reelway', upload: 'Upload · Reelway', missing: 'Not found · Reelway' }[route.name];
  if (next) next.activate();
  else showPage(route);
}

/** @param {string} key @param {Route} route @param {any} state */
function reelFor(key, route, state) {
  const known = reels.get(key);
  if (known) return known;
  const source = new FeedSource(api, route.name === 'watch'
    ? { kind: 'foryou', first: route.id, ...(state?.list ? { listOf: state.list } : {}) }
    : { kind: route.name === 'following' ? 'following' : 'foryou' });
  const made = new Reel({ players, prefetcher, showings, social, sound, sessions, actions, onCurrent }, source, route.name === 'following' ? 'following' : route.name === 'watch' ? 'watch' : 'foryou');
  reels.set(key, made);
  main.append(made.node);
  return made;
}

/** @param {Reel} old */
function dropReel(old) {
  for (const [key, one] of reels) if (one === old) reels.delete(key);
  old.close();
}

/** @param {Route} route */
function showPage(route) {
  if (route.name === 'profile') page = mount(new Profile({ api, social, sessions, router, needName }, route.id));
  else if (route.name === 'upload') page = mount(new UploadPage({ uploader, router, needName }));
  else {
    const node = element('section', { class: 'page' }, blank('film', 'Nothing at this address', 'The link may be old or mistyped.', element('a', { class: 'button', href: '/' }, 'Go to For You')));
    page = mount({ node, close: () => node.remove() });
  }
}

/** @template {{ node: HTMLElement, close: () => void }} T @param {T} made */
function mount(made) {
  main.append(made.node);
  return made;
}

/** @param {Entry | null} entry */
function onCurrent(entry) {
  comments.follow(entry?.video ?? null);
  must('#steps').hidden = entry === null;
}

/** Marks where one is in the navigation. */
function showPlace() {
  for (const link of document.querySelectorAll('.nav nav a')) {
    if (link.getAttribute('href') === location.pathname) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function showMe() {
  const user = sessions.user;
  if (!user) return;
  const me = must('#me');
  me.setAttribute('href', `/u/${user.id}`);
  showPlace();
  const mark = must('.avatar', me);
  mark.textContent = [...user.handle][0]?.toUpperCase() ?? '';
  paintAvatar(mark, user.id);
}

function showSound() { must('#unmute').hidden = !sound.waitsForTap; }

function fullscreen() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else if (document.documentElement.requestFullscreen) void document.documentElement.requestFullscreen().catch(() => undefined);
  else players.current?.video.webkitEnterFullscreen?.();
}

listenForGestures(main, (gesture) => {
  const player = players.current;
  const slide = reel?.slide;
  if (!player || !slide) return;
  if (gesture.type === 'tap') pauseOrPlay();
  else if (gesture.type === 'double') {
    slide.burst(gesture.x, gesture.y);
    void social.like(slide.entry.video, true);
  } else {
    player.video.playbackRate = gesture.type === 'hold' ? 2 : 1;
    slide.node.classList.toggle('fast', gesture.type === 'hold');
  }
});

listenForKeys({
  next: () => reel?.step(1),
  previous: () => reel?.step(-1),
  pause: pauseOrPlay,
  sound: () => sound.toggle(),
  like: () => { if (reel?.entry) actions.like(reel.entry); },
  comments: () => comments.toggle(),
  fullscreen,
  panel: () => panel.toggle(),
  keys: () => openKeys(router),
}, () => reel !== null);

must('#up').addEventListener('click', () => reel?.step(-1));
must('#down').addEventListener('click', () => reel?.step(1));
must('#unmute').addEventListener('click', () => sound.toggle());
sound.addEventListener('change', showSound);
sessions.addEventListener('change', showMe);
addEventListener('offline', () => toast('You are offline. What is loaded still plays.'));
addEventListener('online', () => toast('You are back online.'));
document.addEventListener('visibilitychange', () => { if (players.current) playerChanged(players.current); });
uploader.addEventListener('change', () => must('#uploads').classList.toggle('busy', uploader.busy || uploader.state.phase === 'processing'));
addEventListener('beforeunload', (event) => { if (uploader.busy && !uploader.state.kept) event.preventDefault(); });

showMe();
router.start();
void uploader.restore();
