export type { AgentsDesk, ApiParts, ManagerFacts } from './parts.ts'
export { type ProfileRow, profileRuleset } from './ruleset-profile.ts'
export { type Api, createApi, type Tls } from './server.ts'
