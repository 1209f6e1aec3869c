export { plainAddress } from './agent/address.ts'
export { AgentChannel, type ListenAddress } from './agent/channel.ts'
export {
  type AgentChannelOptions,
  type AgentDirectory,
  type AgentHandlers,
  type ChannelCounters,
  type ChannelRefusal,
  channelRefusals,
  type KnownAgent,
  type ReceivedCounters,
  type SpoolPosition,
} from './agent/channel-types.ts'
export {
  type EnrolmentAnswer,
  type EnrolmentCounters,
  type EnrolmentRefusal,
  EnrolmentServer,
  type EnrolmentServerOptions,
  type EnrolmentTls,
  enrolmentRefusals,
} from './agent/enrolment-server.ts'
export { RequestFailure } from './agent/requests.ts'
export { spoolPositionOf } from './agent/spool-peer.ts'
export type { RecordSink, RecordWriter } from './record-sink.ts'
export { type SyslogCounters, type SyslogOptions, SyslogReceiver, type SyslogRefusal } from './syslog/receiver.ts'
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
