// The peer of bench_ingest: @tus/server over a folder. node tus_server.mjs NODE_MODULES FOLDER; prints its port.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [modules, directory] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Server } = require('@tus/server');
const { FileStore } = require('@tus/file-store');
const tus = new Server({ path: '/v1/uploads', datastore: new FileStore({ directory }) });
const server = createServer((request, response) => tus.handle(request, response));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
