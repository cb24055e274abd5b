/** Asks a guest for a handle, once, when something first needs one. */
import { element } from './element.js';
import { explain, Problem } from './http.js';
import { handleOk } from './rules/stage.js';
import { Sheet } from './sheet.js';
import { toast } from './toast.js';

/** @param {Sessions} sessions @param {Router} router @param {string} reason what needs it: “like videos” @returns {Promise<boolean>} false when the viewer declined */
export function askName(sessions, router, reason) {
  return new Promise((answer) => {
    const input = element('input', { id: 'handle', name: 'handle', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', maxlength: 24, required: true, 'aria-describedby': 'handle-help' });
    const help = element('p', { id: 'handle-help', class: 'help', 'aria-live': 'polite' }, '3–24 letters and digits, with dots or underscores between.');
    const button = element('button', { type: 'submit', class: 'button wide' }, 'Continue');
    const form = element('form', { class: 'stack', novalidate: true },
      element('p', { class: 'quiet' }, `To ${reason}, pick the name others see. Watching never needs one.`),
      element('label', { for: 'handle' }, 'Your handle'),
      element('div', { class: 'field' }, element('span', { 'aria-hidden': 'true' }, '@'), input), help, button);
    const sheet = new Sheet(router, 'Choose a handle', [form]);
    sheet.onclose = () => answer(sessions.named);
    const refuse = (/** @type {string} */ text) => {
      help.textContent = text;
      help.classList.add('bad');
      input.setAttribute('aria-invalid', 'true');
      input.focus();
    };
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const handle = input.value.trim().replace(/^@/, '');
      if (!handleOk(handle)) return refuse('Begin with a letter; then letters, digits and single dots or underscores between them, 3 to 24 in all.');
      button.disabled = true;
      try {
        await sessions.claim(handle);
        toast(`Welcome, @${handle}`);
        sheet.close();
      } catch (error) {
        refuse(error instanceof Problem && error.code === 'handle_taken' ? `@${handle} is taken. Try another one.` : explain(error));
      } finally {
        button.disabled = false;
      }
      return undefined;
    });
    sheet.open();
    input.focus();
  });
}
