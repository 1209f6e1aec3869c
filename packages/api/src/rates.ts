/** Requests of one address in a minute (spec: api, part 1). */
export const requestsPerMinute = 300
/** And of one logged-in user at one address: a page with a dozen charts, refreshed every few seconds. */
export const userRequestsPerMinute = 1200
