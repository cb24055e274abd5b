/** Records a clip with the camera: where the browser offers no camera app of its own. */
import { element, icon } from './element.js';
import { clock } from './rules/format.js';
import { Sheet } from './sheet.js';
import { toast } from './toast.js';

const LIMIT_MS = 60_000;
/** What the server takes; a browser that records only WebM is not offered the camera. */
const TYPES = ['video/mp4;codecs=avc1.42E01E,mp4a.40.2', 'video/mp4'];

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia) && typeof MediaRecorder !== 'undefined'
  && TYPES.some((type) => MediaRecorder.isTypeSupported(type));

/** @param {Router} router @param {(file: File) => void} take */
export async function record(router, take) {
  /** @type {MediaStream} */ let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { facingMode: 'user', width: { ideal: 1080 }, height: { ideal: 1920 } } });
  } catch {
    toast('The camera is not available. Allow it in the browser, or choose a file.');
    return;
  }
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? '';
  const recorder = new MediaRecorder(stream, { mimeType });
  /** @type {Blob[]} */ const parts = [];
  let keep = false;
  const preview = element('video', { class: 'camera', autoplay: true, playsinline: true });
  preview.muted = true;
  preview.srcObject = stream;
  const time = element('output', { class: 'camera-time' }, clock(0));
  const button = element('button', { type: 'button', class: 'shutter', 'aria-label': 'Start recording', onclick: () => {
    if (recorder.state === 'inactive') begin();
    else finish();
  } }, icon('record'));
  const sheet = new Sheet(router, 'Record', [element('div', { class: 'camera-box' }, preview, time, button)], 'tall');
  let started = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */ let timer;
  const begin = () => {
    recorder.start(1000);
    started = performance.now();
    button.setAttribute('aria-label', 'Stop recording');
    button.classList.add('on');
    timer = setInterval(() => {
      const passed = performance.now() - started;
      time.textContent = clock(passed);
      if (passed >= LIMIT_MS) finish();
    }, 250);
  };
  const finish = () => {
    keep = true;
    sheet.close();
  };
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    if (!keep) return;
    take(new File(parts, 'recording.mp4', { type: 'video/mp4' }));
  };
  sheet.onclose = () => {
    clearInterval(timer);
    if (recorder.state !== 'inactive') recorder.stop();
    for (const track of stream.getTracks()) track.stop();
  };
  sheet.open();
}
