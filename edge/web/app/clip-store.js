/** Keeps the clip being uploaded in IndexedDB, so that a reload can go on where it was. One clip at a time. */

const [BASE, STORE, KEY] = ['reelway', 'clips', 'current'];
/** Tells the next page load, without opening the database, that there is a clip to go on with. */
const MARK = 'reelway.uploading';

/** @typedef {{ file: File, description: string, uploadUrl: string | null, videoId: string | null, sent: boolean }} StoredClip */

/** @returns {Promise<IDBDatabase>} */
function base() {
  return new Promise((done, failed) => {
    const request = indexedDB.open(BASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

/** @template T @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} act @returns {Promise<T>} */
async function run(mode, act) {
  const opened = await base();
  try {
    return await new Promise((done, failed) => {
      const transaction = opened.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => done(request.result);
      transaction.onabort = transaction.onerror = () => failed(transaction.error);
    });
  } finally {
    opened.close();
  }
}

/** @returns {Promise<StoredClip | null>} null also when the browser keeps nothing */
export const loadClip = () => run('readonly', (store) => store.get(KEY)).then((clip) => clip ?? null, () => null);

/** @param {StoredClip} clip @returns {Promise<boolean>} false when the browser would not keep it (private window, full disk) */
export async function saveClip(clip) {
  try {
    await run('readwrite', (store) => store.put(clip, KEY));
    localStorage.setItem(MARK, '1');
    return true;
  } catch {
    return false;
  }
}

export async function forgetClip() {
  localStorage.removeItem(MARK);
  await run('readwrite', (store) => store.delete(KEY)).catch(() => undefined);
}
