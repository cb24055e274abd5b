/** The upload screen: pick, drop or record; the clip at once; a line of words; the bar; then processing until it plays. */
import { element, icon, must } from './element.js';
import { bytes, timeLeft } from './rules/format.js';
import { DESCRIPTION_LIMIT, secondsLeft } from './rules/upload.js';
import { canRecord, record } from './recorder.js';

/** @typedef {{ uploader: Uploader, router: Router, needName: (reason: string) => Promise<boolean> }} UploadContext */

const STEPS = { queued: 'Waiting for a free encoder…', uploading: 'Finishing the upload…', processing: 'Making it play everywhere…', playable: 'It plays! The finer qualities follow.', ready: 'Ready' };

export class UploadPage {
  #context;
  #input = element('input', { type: 'file', accept: 'video/*', class: 'hidden-input', id: 'clip', tabindex: '-1', 'aria-hidden': 'true', onchange: () => this.#pick(this.#input.files) });
  #preview = element('video', { class: 'local', muted: true, loop: true, autoplay: true, playsinline: true, 'aria-label': 'Your clip', tabindex: '-1' });
  #previewOf = /** @type {File | null} */ (null);
  #url = '';
  #box = element('div', { class: 'drop' });
  #side = element('div', { class: 'upload-side' });
  #phase = '';
  #paint = () => this.#show(this.#context.uploader.state);

  /** @param {UploadContext} context */
  constructor(context) {
    this.#context = context;
    this.node = element('section', { class: 'page upload', 'aria-label': 'Upload' },
      element('h1', {}, 'Upload a video'), element('div', { class: 'upload-grid' }, this.#box, this.#side), this.#input);
    this.node.addEventListener('dragover', (event) => {
      event.preventDefault();
      this.#box.classList.add('over');
    });
    this.node.addEventListener('dragleave', () => this.#box.classList.remove('over'));
    this.node.addEventListener('drop', (event) => {
      event.preventDefault();
      this.#box.classList.remove('over');
      this.#pick(event.dataTransfer?.files ?? null);
    });
    context.uploader.addEventListener('change', this.#paint);
    this.#paint();
  }

  close() {
    this.#context.uploader.removeEventListener('change', this.#paint);
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.node.remove();
  }

  /** @param {FileList | null} files */
  #pick(files) {
    const file = files?.[0];
    const { phase } = this.#context.uploader.state;
    if (file && ['idle', 'chosen', 'refused', 'done'].includes(phase)) this.#context.uploader.choose(file);
    this.#input.value = '';
  }

  /** @param {UploadState} state */
  #show(state) {
    const layout = state.phase === 'waiting' ? 'sending' : state.phase;
    if (this.#phase !== layout) {
      this.#phase = layout;
      this.node.dataset.phase = layout;
      this.#box.replaceChildren(...(state.file ? this.#clip(state.file) : this.#chooser()));
      this.#side.replaceChildren(...this.#form(state));
    }
    this.#update(state);
  }

  /** @param {File} file */
  #clip(file) {
    if (this.#previewOf !== file) {
      if (this.#url) URL.revokeObjectURL(this.#url);
      this.#previewOf = file;
      this.#url = URL.createObjectURL(file);
      this.#preview.muted = true;
      this.#preview.src = this.#url;
    }
    void this.#preview.play().catch(() => undefined);
    return [this.#preview];
  }

  #chooser() {
    return [element('span', { class: 'drop-mark' }, icon('film')),
      element('p', { class: 'drop-title' }, 'Drop a clip here'),
      element('p', { class: 'quiet' }, 'MP4 or MOV, up to a minute. Upright looks best.'),
      element('div', { class: 'drop-actions' },
        element('button', { type: 'button', class: 'button', onclick: () => this.#input.click() }, 'Choose a file'),
        canRecord() ? element('button', { type: 'button', class: 'button quiet', onclick: () => record(this.#context.router, (file) => this.#context.uploader.choose(file)) }, icon('camera'), 'Record') : '')];
  }

  /** @param {UploadState} state @returns {(Node | string)[]} */
  #form(state) {
    const { uploader } = this.#context;
    const note = element('p', { class: 'note', role: 'status' });
    if (state.phase === 'idle') return [element('p', { class: 'quiet' }, 'Your clip shows here at once. You can leave this page or lose the network while it uploads: it goes on by itself.')];
    if (state.phase === 'refused') {
      return [element('h2', {}, 'That did not work'), element('p', { class: 'refusal', role: 'alert' }, state.note),
        element('button', { type: 'button', class: 'button', onclick: () => { uploader.reset(); this.#input.click(); } }, 'Choose another clip')];
    }
    if (state.phase === 'chosen') return this.#details(state);
    const bar = element('progress', { max: 1000, value: 0, 'aria-label': 'Upload' });
    const line = element('p', { class: 'figures-line' }, element('span', { class: 'amount' }), element('span', { class: 'left' }));
    if (state.phase === 'sending' || state.phase === 'waiting') {
      return [element('h2', {}, 'Uploading'), bar, line, note, element('button', { type: 'button', class: 'button quiet', onclick: () => uploader.cancel() }, 'Cancel')];
    }
    return [element('h2', { class: 'step' }), bar, line, note, element('div', { class: 'after' })];
  }

  /** @param {UploadState} state */
  #details(state) {
    const { uploader, needName } = this.#context;
    const counter = element('span', { class: 'counter', 'aria-live': 'off' });
    const text = element('textarea', { id: 'description', rows: 4, maxlength: DESCRIPTION_LIMIT, placeholder: 'What is it about? #hashtags help people find it.', oninput: () => describe() });
    text.value = state.description;
    const describe = () => {
      uploader.describe(text.value);
      counter.textContent = `${text.value.length} / ${DESCRIPTION_LIMIT}`;
    };
    describe();
    return [element('div', { class: 'label-row' }, element('label', { for: 'description' }, 'Description'), counter), text,
      element('p', { class: 'quiet file-line' }, state.file ? `${state.file.name} · ${bytes(state.file.size)}` : ''),
      element('div', { class: 'drop-actions' },
        element('button', { type: 'button', class: 'button', onclick: async () => { if (await needName('post a video')) void uploader.start(); } }, 'Post'),
        element('button', { type: 'button', class: 'button quiet', onclick: () => this.#input.click() }, 'Choose another'))];
  }

  /** @param {UploadState} state */
  #update(state) {
    const bar = this.#side.querySelector('progress');
    if (!bar || !state.file) return;
    const sending = state.phase === 'sending' || state.phase === 'waiting';
    bar.value = Math.round(1000 * (sending ? state.sent / Math.max(1, state.file.size) : state.progress));
    bar.classList.toggle('waits', state.phase === 'waiting');
    const left = secondsLeft(state.file.size - state.sent, state.rate);
    must('.amount', this.#side).textContent = sending ? `${bytes(state.sent)} of ${bytes(state.file.size)}` : `${Math.round(state.progress * 100)} %`;
    must('.left', this.#side).textContent = state.phase === 'sending' ? `${state.rate ? `${bytes(state.rate)}/s · ` : ''}${timeLeft(left)}` : '';
    must('.note', this.#side).textContent = state.note || (sending && !state.kept ? 'This browser keeps no copy: stay on this page until it is sent.' : '');
    if (!sending) this.#work(state);
  }

  /** @param {UploadState} state */
  #work(state) {
    must('.step', this.#side).textContent = state.phase === 'done' && state.status === 'ready' ? 'Your video is live' : STEPS[/** @type {keyof typeof STEPS} */ (state.status)] ?? 'Sent';
    const after = must('.after', this.#side);
    const plays = state.status === 'playable' || state.status === 'ready';
    if (!plays || after.childElementCount || !state.videoId) return;
    after.append(element('a', { class: 'button', href: `/watch/${state.videoId}` }, icon('play'), 'Watch it'),
      element('button', { type: 'button', class: 'button quiet', onclick: () => this.#context.uploader.reset() }, 'Upload another'));
  }
}
