/** Puts the app together: one of each part, and which screen an address shows. */
import { Api } from './api.js';
import { element, must, paintAvatar } from './element.js';
import { FeedSource } from './feed-source.js';
import { listenForKeys } from './keyboard.js';
import { prefetchHeaders } from './media-loader.js';
import { Meter } from './meter.js';
import { Later, sideWanted, styled, WIDE } from './later.js';
import { Players } from './players.js';
import { Prefetcher } from './prefetch.js';
import { Reel } from './reel.js';
import { Reporter } from './report.js';
import { Router } from './router.js';
import { Sessions } from './session.js';
import { Showings } from './showing.js';
import { Social } from './social.js';
import { Sound } from './sound.js';
import { Captions } from './captions.js';
import { blank } from './states.js';
import { toast } from './toast.js';
import { listenForGestures } from './touch.js';

const main = must('#main');
const sessions = new Sessions();
const api = new Api(sessions);
const reporter = new Reporter(api);
const showings = new Showings(reporter);
const sound = new Sound();
const captions = new Captions();
const meter = new Meter();
const prefetcher = new Prefetcher(meter, prefetchHeaders);
const router = new Router(show);
const social = new Social(api, needName);

/** @type {Map<string, Reel>} */
const reels = new Map();
/** @type {Reel | null} */
let reel = null;
/** @type {{ close: () => void } | null} */
let page = null;

const players = new Players({ meter, prefetcher, sound, captions, onChange: playerChanged, onFailure: (player, failure) => void playerFailed(player, failure) });

// Parts that the first video does not wait for are fetched when they are first used.
const comments = new Later(async () => {
  const [{ Comments }] = await Promise.all([import('./comments.js'), styled('sheets')]);
  const made = new Comments({ api, social, sessions, router, needName });
  made.follow(reel?.entry?.video ?? null);
  return made;
});
const panel = new Later(async () => new (await import('./panel.js')).Panel({ meter, prefetcher, players, entry: () => reel?.entry ?? null }));
const more = new Later(async () => (await Promise.all([import('./more.js'), styled('sheets')]))[0]);
const naming = new Later(async () => (await Promise.all([import('./name.js'), styled('sheets')]))[0]);
const uploader = new Later(async () => {
  const made = new (await import('./uploader.js')).Uploader(sessions);
  made.addEventListener('change', () => must('#uploads').classList.toggle('busy', made.busy || made.state.phase === 'processing'));
  addEventListener('beforeunload', (event) => { if (made.busy && !made.state.kept) event.preventDefault(); });
  await made.restore();
  return made;
});

/** @param {string} reason what a handle is needed for @returns {Promise<boolean>} false when the viewer declined to choose one */
async function needName(reason) {
  if (sessions.named) return true;
  try {
    const { askName } = await naming.get();
    return askName(sessions, router, reason);
  } catch {
    toast('That needs the network. Try again when you are back online.');
    return false;
  }
}

/** @type {SlideActions} */
const actions = {
  like: (entry) => void social.like(entry.video, !social.likeOf(entry.video).liked),
  comments: () => comments.use((part) => part.toggle()),
  share: (entry) => more.use((part) => void part.share(entry, reporter)),
  more: (entry) => more.use((part) => part.openMore({ router, reporter, panel: togglePanel, skip: () => reel?.step(1) }, entry)),
  sound: () => sound.toggle(),
  captions: () => captions.toggle(),
  follow: ({ video }) => {
    const before = social.follows(video.creator, video.viewer?.following);
    void social.follow(video.creator, !before, before);
  },
  seek: (seconds) => players.current?.seek(seconds),
  tap: () => pauseOrPlay(),
};

const togglePanel = () => panel.use((part) => part.toggle());

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

/** An expired address is renewed once; what will not play is passed over with a note. @param {Player} player @param {Failure} failure */
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
  must('#side').hidden = !sideWanted();
  must('#steps').hidden = next === null;
  showPlace();
  const title = must('#title');
  title.textContent = { foryou: 'For You', following: 'Following', watch: 'Watch', missing: 'Not found', profile: '', upload: '' }[route.name];
  title.hidden = !title.textContent;
  document.title = { foryou: 'Reelway', following: 'Following · Reelway', watch: 'Reelway', profile: 'Profile · Reelway', upload: 'Upload · Reelway', missing: 'Not found · Reelway' }[route.name];
  if (next) next.activate();
  else void showPage(route);
}

/** @param {string} key @param {Route} route @param {any} state */
function reelFor(key, route, state) {
  const known = reels.get(key);
  if (known) return known;
  const source = new FeedSource(api, route.name === 'watch'
    ? { kind: 'foryou', first: route.id, ...(state?.list ? { listOf: state.list } : {}) }
    : { kind: route.name === 'following' ? 'following' : 'foryou' });
  const made = new Reel({ players, prefetcher, showings, social, sound, captions, sessions, actions, onCurrent }, source, route.name === 'following' ? 'following' : route.name === 'watch' ? 'watch' : 'foryou');
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
async function showPage(route) {
  const at = location.href;
  const still = () => at === location.href && reel === null && page === null;
  await styled('pages');
  if (route.name === 'profile') {
    const { Profile } = await import('./profile.js');
    await styled('sheets');
    if (still()) page = mount(new Profile({ api, social, sessions, router, needName }, route.id));
  } else if (route.name === 'upload') {
    const [{ UploadPage }, part] = await Promise.all([import('./upload.js'), uploader.get(), styled('sheets')]);
    if (still()) page = mount(new UploadPage({ uploader: part, router, needName }));
  } else if (still()) {
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
  comments.made?.follow(entry?.video ?? null);
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
  captions: () => captions.toggle(),
  like: () => { if (reel?.entry) actions.like(reel.entry); },
  comments: () => comments.use((part) => part.toggle()),
  fullscreen,
  panel: togglePanel,
  keys: () => more.use((part) => part.openKeys(router)),
}, () => reel !== null);

must('#up').addEventListener('click', () => reel?.step(-1));
must('#down').addEventListener('click', () => reel?.step(1));
must('#unmute').addEventListener('click', () => sound.toggle());
sound.addEventListener('change', showSound);
sessions.addEventListener('change', showMe);
addEventListener('offline', () => toast('You are offline. What is loaded still plays.'));
addEventListener('online', () => {
  toast('You are back online.');
  players.retry();
});
document.addEventListener('visibilitychange', () => { if (players.current) playerChanged(players.current); });
WIDE.addEventListener('change', () => { if (WIDE.matches) comments.use(() => {}); });

showMe();
router.start();
if (WIDE.matches) comments.use(() => {});
if (localStorage.getItem('reelway.uploading')) uploader.use(() => {});
if (sessionStorage.getItem('reelway.panel')) togglePanel();
