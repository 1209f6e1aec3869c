/** Failures that a client is told, in the shape of Wazuh's API (spec: api, part 3). */
import { StoreError, type StoreErrorCode } from '@dogwatch/store'

/** Titles by status. */
const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Permission Denied',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Wrong Content-type',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Wrong Content-type',
  429: 'Too Many Requests',
  500: 'Internal Error',
  503: 'Service Unavailable',
}

/** A refusal. `code` is the number that Wazuh gives the case. */
export class ApiError extends Error {
  readonly status: number
  readonly code: number | null
  /** Beside the standard members: places in a query, and the like. */
  readonly more: Readonly<Record<string, unknown>>
  constructor(
    status: number,
    message: string,
    code: number | null = null,
    more: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.more = more
  }
}

export function problemBody({ status, code, message, more }: ApiError): Record<string, unknown> {
  return { title: titles[status] ?? 'Error', detail: message, ...(code === null ? {} : { error: code }), ...more }
}

const storeStatus: Readonly<Record<StoreErrorCode, number>> = {
  STORE_BAD_DOCUMENT: 400,
  STORE_BAD_REQUEST: 400,
  STORE_SEARCH_TOO_LONG: 400,
  STORE_BUSY: 503,
  STORE_DOWN: 503,
  STORE_CANNOT_OPEN: 503,
  STORE_FAILED: 500,
}

/** What is told for a thrown value; what nobody expected is a 500 that says nothing of the inside. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof StoreError) {
    if (error.code === 'STORE_FAILED') return new ApiError(500, 'the store failed; its log says why', 1000)
    return new ApiError(storeStatus[error.code], error.message, null, { code: error.code })
  }
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') {
    const status = error.statusCode
    if (status >= 400 && status < 500)
      return new ApiError(status, error.message.slice(0, 500), status === 429 ? 6001 : pagingCode(error))
  }
  return new ApiError(500, 'something went wrong inside; the log of the manager says what', 1000)
}

/** Wazuh's codes for what is wrong with the page of a list; null for other parameters. */
function pagingCode(error: Error): number | null {
  if (!('validationContext' in error) || error.validationContext !== 'querystring') return null
  const [first]: readonly unknown[] = 'validation' in error && Array.isArray(error.validation) ? error.validation : []
  if (typeof first !== 'object' || first === null || !('instancePath' in first) || !('keyword' in first)) return null
  if (first.instancePath === '/offset') return 1400
  if (first.instancePath !== '/limit') return null
  return first.keyword === 'maximum' ? 1405 : first.keyword === 'minimum' ? 1406 : 1401
}
