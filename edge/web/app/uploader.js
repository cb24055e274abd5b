/**
 * The upload in progress: it outlives the upload screen, a reload and a lost network. tus-js-client speaks tus 1.0.0; this
 * decides when to go on, remembers the clip, and follows processing until the video plays.
 */
import { forgetClip, loadClip, saveClip } from './clip-store.js';
import { element } from './element.js';
import { explain, Problem } from './http.js';
import { followProcessing } from './processing.js';
import * as rules from './rules/upload.js';

/**
 * @typedef {'idle' | 'chosen' | 'sending' | 'waiting' | 'processing' | 'done' | 'refused'} Phase
 * @typedef {{ phase: Phase, file: File | null, description: string, sent: number, rate: number, note: string, videoId: string | null,
 *   progress: number, status: string, kept: boolean }} UploadState
 */

const CHUNK_BYTES = 8 * 1024 * 1024;
const STUCK_MS = 30_000;

/** @type {UploadState} */
const IDLE = Object.freeze({ phase: 'idle', file: null, description: '', sent: 0, rate: 0, note: '', videoId: null, progress: 0, status: '', kept: true });

export class Uploader extends EventTarget {
  /** @type {UploadState} */ state = IDLE;
  #sessions;
  /** @type {any} */ #tus = null;
  /** @type {string | null} */ #uploadUrl = null;
  /** @type {rules.Sample[]} */ #samples = [];
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #stuck;
  /** @type {AbortController | null} */ #following = null;

  /** @param {Sessions} sessions */
  constructor(sessions) {
    super();
    this.#sessions = sessions;
    addEventListener('online', () => { if (this.state.phase === 'waiting') this.#send(); });
    // A request under way does not always notice that the network went, or came back as another one.
    addEventListener('offline', () => this.#interrupt('The network went away.'));
  }

  get busy() { return this.state.phase === 'sending' || this.state.phase === 'waiting'; }

  /** Goes on with what a reload interrupted. */
  async restore() {
    const clip = await loadClip();
    if (!clip || this.state.phase !== 'idle') return;
    this.#uploadUrl = clip.uploadUrl;
    this.#set({ ...IDLE, file: clip.file, description: clip.description, videoId: clip.videoId, phase: 'chosen' });
    if (clip.sent && clip.videoId) this.#follow(clip.videoId);
    else if (clip.uploadUrl) this.#send();
  }

  /** @param {File} file */
  choose(file) {
    const refused = rules.refusal(file);
    this.#uploadUrl = null;
    this.#set({ ...IDLE, file: refused ? null : file, description: this.state.description, phase: refused ? 'refused' : 'chosen', note: refused ?? '' });
  }

  /** @param {string} description */
  describe(description) { this.state = { ...this.state, description }; }

  /** Begins to send the chosen clip. */
  async start() {
    if (!this.state.file || this.busy) return;
    this.#set({ kept: await this.#keep(false) });
    this.#send();
  }

  /** Gives the clip up, also on the server. */
  async cancel() {
    clearTimeout(this.#retry);
    clearTimeout(this.#stuck);
    this.#following?.abort();
    const upload = this.#tus;
    this.#tus = null;
    this.#uploadUrl = null;
    this.#set(IDLE);
    await Promise.all([forgetClip(), Promise.resolve(upload?.abort(true)).catch(() => undefined)]);
  }

  /** Ready for another clip. */
  reset() {
    this.#following?.abort();
    this.#uploadUrl = null;
    this.#set(IDLE);
    void forgetClip();
  }

  /** @param {boolean} sent */
  #keep(sent) {
    const { file, description, videoId } = this.state;
    return file ? saveClip({ file, description, uploadUrl: this.#uploadUrl, videoId, sent }) : Promise.resolve(false);
  }

  async #send() {
    clearTimeout(this.#retry);
    const { file, description } = this.state;
    if (!file) return;
    this.#samples = [];
    this.#set({ phase: 'sending', note: '' });
    try {
      await library();
    } catch {
      this.#failed(null, 'The upload part of this page did not load.');
      return;
    }
    const upload = new window.tus.Upload(file, {
      endpoint: '/v1/uploads', uploadUrl: this.#uploadUrl, chunkSize: CHUNK_BYTES, retryDelays: null, storeFingerprintForResuming: false,
      metadata: { filename: file.name, filetype: file.type || 'video/mp4', description },
      onBeforeRequest: async (/** @type {any} */ request) => request.setHeader('Authorization', `Bearer ${await this.#sessions.token()}`),
      onAfterResponse: (/** @type {any} */ _request, /** @type {any} */ response) => {
        const videoId = response.getHeader('Reelway-Video-Id');
        if (videoId && videoId !== this.state.videoId) this.#set({ videoId });
      },
      onUploadUrlAvailable: () => {
        this.#uploadUrl = upload.url;
        void this.#keep(false);
      },
      onProgress: (/** @type {number} */ sent) => {
        this.#attempt = 0;
        this.#watch();
        this.#samples = rules.sampled(this.#samples, { at: performance.now(), bytes: sent });
        this.#set({ sent, rate: rules.rate(this.#samples) });
      },
      onSuccess: () => void this.#sentAll(),
      onError: (/** @type {any} */ error) => this.#failed(error?.originalResponse ?? null, 'The upload was interrupted.'),
    });
    this.#tus = upload;
    this.#watch();
    upload.start();
  }

  /** Gives a request up on which nothing moves. */
  #watch() {
    clearTimeout(this.#stuck);
    this.#stuck = setTimeout(() => this.#interrupt('Nothing got through for a while.'), STUCK_MS);
  }

  /** @param {string} why */
  #interrupt(why) {
    if (this.state.phase !== 'sending' || !this.#tus) return;
    void Promise.resolve(this.#tus.abort()).catch(() => undefined);
    this.#failed(null, why);
  }

  async #sentAll() {
    this.#tus = null;
    clearTimeout(this.#stuck);
    this.#set({ sent: this.state.file?.size ?? 0 });
    await this.#keep(true);
    if (this.state.videoId) this.#follow(this.state.videoId);
    else this.#set({ phase: 'done' });
  }

  /** @param {any} response the answer that refused, when one came @param {string} otherwise */
  #failed(response, otherwise) {
    clearTimeout(this.#stuck);
    this.#tus = null;
    const status = response ? response.getStatus() : null;
    const next = rules.afterFailure(status, navigator.onLine);
    if (next === 'refused') {
      this.#uploadUrl = null;
      void forgetClip();
      this.#set({ phase: 'refused', note: Problem.of(status, response.getBody()).detail });
      return;
    }
    if (status === 401) void this.#sessions.renew().catch(() => undefined);
    if (next === 'wait-online') {
      this.#set({ phase: 'waiting', note: 'You are offline. The upload goes on by itself when you are back.' });
      return;
    }
    const wait = rules.backoff(this.#attempt);
    this.#attempt += 1;
    this.#set({ phase: 'waiting', note: `${otherwise} Trying again in ${Math.round(wait / 1000)} s.` });
    this.#retry = setTimeout(() => this.#send(), wait);
  }

  /** @param {string} videoId */
  async #follow(videoId) {
    this.#following?.abort();
    const following = new AbortController();
    this.#following = following;
    this.#set({ phase: 'processing', status: 'queued', progress: 0 });
    try {
      for await (const change of followProcessing(this.#sessions, videoId, following.signal)) {
        if (change.status === 'rejected' || change.status === 'failed') {
          this.#set({ phase: 'refused', note: change.failure?.detail ?? 'This clip could not be made ready.', status: change.status });
          void forgetClip();
          return;
        }
        this.#set({ status: change.status, progress: change.progress ?? this.state.progress, note: change.review ? 'A person will look at it before it goes live.' : '' });
        if (change.status === 'playable' || change.status === 'ready') void forgetClip();
        if (change.status === 'ready') this.#set({ phase: 'done', progress: 1 });
      }
    } catch (error) {
      void forgetClip();
      this.#set({ phase: 'done', note: explain(error) });
    }
  }

  /** @param {Partial<UploadState>} change */
  #set(change) {
    this.state = { ...this.state, ...change };
    this.dispatchEvent(new Event('change'));
  }
}

/** @type {Promise<void> | null} */
let loading = null;

/** The upload library is loaded when it is first needed. */
function library() {
  loading ??= new Promise((done, failed) => {
    if (window.tus) return done();
    document.head.append(element('script', { src: '/vendor/tus.min.js', onload: () => done(), onerror: () => {
      loading = null;
      failed(new Error('tus.min.js did not load'));
    } }));
    return undefined;
  });
  return loading;
}
