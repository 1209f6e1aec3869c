export { type ActorKind, actorKindOf } from './actor.ts'
export { type PolicyOptions, recipePolicy, recommendedPolicy } from './audit-policy.ts'
export { type Check, type CheckStatus, type DoctorOptions, type DoctorReport, doctorText, runDoctor } from './doctor.ts'
export { type Distribution, distributions, type InstructionFacts, instructionsFor } from './instructions.ts'
export type { Reason } from './json-bytes.ts'
export {
  type AuditedRequest,
  type AuditLevel,
  type AuditPolicy,
  auditLevels,
  type Blind,
  blindNeeds,
  detectionNeeds,
  type Need,
  type Recorded,
  readPolicy,
  recordedLevel,
} from './policy-level.ts'
export type { PostTarget } from './post.ts'
export { type Redaction, redactionDefault } from './redact.ts'
export { type ReplayOptions, type ReplayProgress, type ReplaySummary, runReplay } from './replay.ts'
export { runSetup, type SetupFile, type SetupIo, type SetupOptions, type SetupReport, setupPaths } from './setup.ts'
export { bodyShape, type Shape } from './shape.ts'
export {
  eventLengthDefault,
  inflatedLengthDefault,
  parseLine,
  type Rejected,
  type Sink,
  type SplitContext,
  type SplitEvent,
  sampleLengthMax,
  splitBody,
  splitInto,
} from './split.ts'
export {
  type ManifestFacts,
  type ManifestPatch,
  manifestFacts,
  type PatchedManifest,
  patchManifest,
} from './static-pod.ts'
export { unifiedDiff } from './unified-diff.ts'
export {
  clusterNamePattern,
  type WebhookCredential,
  type WebhookTarget,
  webhookKubeconfig,
  webhookPortDefault,
  webhookUrl,
} from './webhook-kubeconfig.ts'
