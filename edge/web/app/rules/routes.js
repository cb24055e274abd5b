/**
 * Addresses and what they show. Pure.
 * @typedef {{ name: 'foryou' } | { name: 'following' } | { name: 'watch', id: string } | { name: 'profile', id: string }
 *   | { name: 'upload' } | { name: 'missing' }} Route
 */

/** @param {string} pathname @returns {Route} */
export function parse(pathname) {
  const parts = pathname.split('/').filter(Boolean);
  const [first = '', second = '', ...more] = parts;
  if (!parts.length) return { name: 'foryou' };
  if (parts.length === 1 && first === 'following') return { name: 'following' };
  if (parts.length === 1 && first === 'upload') return { name: 'upload' };
  if (!more.length && /^\d{1,20}$/.test(second)) {
    if (first === 'watch') return { name: 'watch', id: second };
    if (first === 'u') return { name: 'profile', id: second };
  }
  return { name: 'missing' };
}

/** @param {Route} route */
export function path(route) {
  switch (route.name) {
    case 'watch': return `/watch/${route.id}`;
    case 'profile': return `/u/${route.id}`;
    case 'following': case 'upload': return `/${route.name}`;
    default: return '/';
  }
}
