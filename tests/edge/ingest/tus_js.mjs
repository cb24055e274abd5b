// Uploads a file with tus-js-client as it is: node tus_js.mjs ENDPOINT TOKEN FILE OPTIONS; prints what came of it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../edge/web/package.json', import.meta.url));
const tus = require('tus-js-client');
const [endpoint, token, file, options] = process.argv.slice(2);
const { abortAt, repeat = 1, ...own } = JSON.parse(options);
const statuses = [];
const elapsedMs = [];
let url = null;

function send(more) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(readFileSync(file), {
      endpoint,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: 'clip.mp4', description: 'Größe #cats' },
      retryDelays: null,
      ...own,
      ...more,
      onAfterResponse: (request, response) => statuses.push(`${request.getMethod()} ${response.getStatus()}`),
      onChunkComplete: (_size, accepted) => {
        if (abortAt && !more && accepted >= abortAt) upload.abort().then(() => resolve(upload.url), reject);
      },
      onSuccess: () => resolve(upload.url),
      onError: reject,
    });
    upload.start();
  });
}

try {
  for (let run = 0; run < repeat; run += 1) {
    const begun = performance.now();
    url = await send();
    if (abortAt) url = await send({ uploadUrl: url });
    elapsedMs.push(performance.now() - begun);
  }
  console.log(JSON.stringify({ url, statuses, elapsedMs }));
} catch (error) {
  const code = error.originalResponse?.getStatus();
  console.log(JSON.stringify({ error: String(error), code, statuses }));
}
