export type { RecordSink, RecordWriter } from './record-sink.ts'
export type { WebhookAuth, WebhookCluster } from './webhook/access.ts'
export { BodyCheck, type BodyVerdict } from './webhook/body-check.ts'
export type { WebhookCounters } from './webhook/counters.ts'
export { type WebhookLimits, webhookLimits } from './webhook/limits.ts'
export {
  createWebhookReceiver,
  type WebhookOptions,
  type WebhookReceiver,
  type WebhookTls,
} from './webhook/receiver.ts'
export { type Refusal, type RefusalKind, type RefusalReason, refusalReasons, refusals } from './webhook/refusal.ts'
