export type { AgentsDesk, ApiParts, ManagerFacts } from './parts.ts'
export { type Api, createApi, type Tls } from './server.ts'
