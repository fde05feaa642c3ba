/**
 * Returns a repository path as written below a base URL: safe between `<` and `>`, in fields, and
 * in XML.
 */
export function urlPath(path: string): string {
  // encodeURIComponent keeps the apostrophe, which breaks shells and quoting clients.
  return path
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll("'", '%27'))
    .join('/')
}
