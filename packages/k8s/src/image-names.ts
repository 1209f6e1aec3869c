/**
 * Names of images taken apart (distribution reference grammar): what lists of allowed images compare, since a list holds whole keys only. Image text in, repositories
 * and registries out, each sorted, without repeats and joined by commas.
 */

/** The image without tag and digest: `registry.example.com:5000/shop/web:1.2@sha256:…` is `registry.example.com:5000/shop/web`. */
export function repositoryOf(image: string): string {
  const named = image.split('@')[0] ?? ''
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  return colon < 0 ? named : named.slice(0, colon)
}

/** The registry's host, with its port; `docker.io` for an image that names none. */
export function registryOf(image: string): string {
  const slash = image.indexOf('/')
  const host = slash < 0 ? '' : image.slice(0, slash)
  return host.includes('.') || host.includes(':') || host === 'localhost' ? host : 'docker.io'
}

/** One key for all images of a pod. */
export function joined(images: readonly string[], nameOf: (image: string) => string): string {
  return [...new Set(images.map(nameOf))].sort().join(',')
}
