/** The number of this answer's page, which style elements made by libraries must bear (packages/api/src/page-routes.ts). */
const found = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ''

export function styleNonce(): string {
  return found
}
