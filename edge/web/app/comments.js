/** Comments of the video on screen: a sheet from below, or a panel beside the stage when the window is wide. */
import { avatar, element, icon, must } from './element.js';
import { explain, Problem } from './http.js';
import { ago, count } from './rules/format.js';
import { COMMENTS_KEY, sideWanted, WIDE } from './later.js';
import { Sheet } from './sheet.js';
import { toast } from './toast.js';

/**
 * @typedef {{ api: Api, social: Social, sessions: Sessions,
 *   router: Router, needName: (reason: string) => Promise<boolean> }} CommentsContext
 */

export const COMMENT_LIMIT = 500;

/** The list of one video's comments with its entry line. */
class Thread {
  #context;
  #video;
  /** @type {string | null} */ #cursor = null;
  #done = false;
  #loading = false;

  /** @param {CommentsContext} context @param {Video} video */
  constructor(context, video) {
    this.#context = context;
    this.#video = video;
    this.list = element('ol');
    this.end = element('div', { class: 'thread-end', role: 'status' });
    this.body = element('div', { class: 'comments', role: 'group', 'aria-label': 'Comments', tabindex: '0' }, this.list, this.end);
    this.input = element('textarea', { rows: 1, maxlength: COMMENT_LIMIT, placeholder: 'Say something kind…', 'aria-label': 'Comment', onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.form.requestSubmit();
      }
    }, oninput: () => this.#typed() });
    this.button = element('button', { type: 'submit', class: 'round accent', 'aria-label': 'Send comment', disabled: true }, icon('send'));
    this.form = element('form', { class: 'composer', onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#post();
    } }, this.input, this.button);
    new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) void this.more(); }, { root: this.body, rootMargin: '200px' }).observe(this.end);
    void this.more();
  }

  #typed() {
    this.button.disabled = !this.input.value.trim();
    this.input.style.height = 'auto';
    this.input.style.height = `${Math.min(120, this.input.scrollHeight)}px`;
  }

  async more() {
    if (this.#loading || this.#done) return;
    this.#loading = true;
    const bones = this.#cursor === null ? Array.from({ length: 5 }, bone) : [];
    this.end.replaceChildren(...bones);
    try {
      const page = await this.#context.api.comments(this.#video.id, this.#cursor);
      this.#cursor = page.next_cursor;
      this.#done = page.next_cursor === null;
      this.list.append(...page.items.map((comment) => this.#row(comment)));
      this.end.replaceChildren();
      if (!this.list.querySelector('.remark')) this.end.replaceChildren(element('p', { class: 'quiet' }, 'No comments yet. Say the first word.'));
    } catch (error) {
      this.end.replaceChildren(element('p', { class: 'quiet' }, explain(error), ' ',
        element('button', { type: 'button', class: 'link', onclick: () => this.more() }, 'Try again')));
      if (error instanceof Problem && error.code === 'offline') addEventListener('online', () => void this.more(), { once: true });
    } finally {
      this.#loading = false;
    }
  }

  async #post() {
    const text = this.input.value.trim();
    if (!text || !(await this.#context.needName('comment'))) return;
    const user = this.#context.sessions.user;
    if (!user) return;
    const row = this.#row({ id: '', video_id: this.#video.id, user, text, created_at: new Date().toISOString() });
    row.classList.add('sending');
    this.end.querySelector('.quiet')?.remove();
    this.list.prepend(row);
    this.body.scrollTop = 0;
    this.input.value = '';
    this.#typed();
    this.#context.social.commented(this.#video.id, 1);
    try {
      row.replaceWith(this.#row(await this.#context.api.comment(this.#video.id, text)));
    } catch (error) {
      row.remove();
      this.#context.social.commented(this.#video.id, -1);
      if (!this.input.value) this.input.value = text;
      this.#typed();
      toast(explain(error));
    }
  }

  /** @param {VideoComment} comment */
  #row(comment) {
    const me = this.#context.sessions.user?.id;
    const mine = comment.id && (comment.user.id === me || this.#video.creator.id === me);
    const row = element('li', { class: 'remark' }, avatar(comment.user, 'small'),
      element('div', {},
        element('p', { class: 'who' }, element('a', { href: `/u/${comment.user.id}` }, comment.user.handle), element('time', { datetime: comment.created_at }, ago(comment.created_at, Date.now()))),
        element('p', { class: 'said', dir: 'auto' }, comment.text)),
      mine && element('button', { type: 'button', class: 'round small', 'aria-label': 'Delete comment', onclick: () => this.#remove(comment, row) }, icon('trash')));
    return row;
  }

  /** @param {VideoComment} comment @param {HTMLElement} row */
  async #remove(comment, row) {
    const after = row.nextSibling;
    row.remove();
    this.#context.social.commented(this.#video.id, -1);
    try {
      await this.#context.api.deleteComment(comment.id);
    } catch (error) {
      this.list.insertBefore(row, after);
      this.#context.social.commented(this.#video.id, 1);
      toast(explain(error));
    }
  }
}

const bone = () => element('div', { class: 'remark' }, element('span', { class: 'bone disc small' }),
  element('div', {}, element('span', { class: 'bone w40' }), element('span', { class: 'bone w80' })));

export class Comments {
  #context;
  #side = must('#side');
  /** @type {Video | null} */ #video = null;
  /** @type {Sheet | null} */ #sheet = null;
  #wantsSide = localStorage.getItem(COMMENTS_KEY) !== 'closed';
  #shownFor = '';

  /** @param {CommentsContext} context */
  constructor(context) {
    this.#context = context;
    WIDE.addEventListener('change', () => {
      this.#sheet?.close();
      this.#paintSide();
    });
  }

  /** The video on screen changed; none while no reel is shown. @param {Video | null} video */
  follow(video) {
    this.#video = video;
    this.#paintSide();
  }

  /** Opens them, or closes them when open. */
  toggle() {
    if (WIDE.matches) {
      this.#wantsSide = !this.#wantsSide;
      localStorage.setItem(COMMENTS_KEY, this.#wantsSide ? 'open' : 'closed');
      this.#paintSide();
      if (this.#wantsSide) must('textarea', this.#side).focus({ preventScroll: true });
    } else if (this.#sheet?.isOpen) this.#sheet.close();
    else if (this.#video) this.#openSheet(this.#video);
  }

  /** @param {Video} video */
  #openSheet(video) {
    const thread = new Thread(this.#context, video);
    const total = this.#context.social.commentsOf(video);
    const sheet = new Sheet(this.#context.router, total ? `${count(total)} comments` : 'Comments', [thread.body, thread.form], 'tall');
    this.#sheet = sheet;
    sheet.open();
  }

  #paintSide() {
    const video = WIDE.matches && this.#wantsSide ? this.#video : null;
    this.#side.hidden = !sideWanted();
    if (!video) {
      this.#shownFor = '';
      this.#side.replaceChildren();
      return;
    }
    if (this.#shownFor === video.id) return;
    this.#shownFor = video.id;
    const thread = new Thread(this.#context, video);
    this.#side.replaceChildren(
      element('header', { class: 'sheet-head' }, element('h2', {}, 'Comments'),
        element('button', { type: 'button', class: 'round', 'aria-label': 'Close comments', onclick: () => this.toggle() }, icon('close'))),
      thread.body, thread.form);
  }
}
