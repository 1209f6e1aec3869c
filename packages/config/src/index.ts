export { type AgentConfExamination, examineAgentConf, isAgentConf } from './agent-conf.ts'
export {
  type ActiveResponse,
  type ClusterConfig,
  type Configuration,
  type ConfigurationReading,
  defaultConfiguration,
  type RemoteConfig,
  type RulesetConfig,
  type RulesetFolder,
  readConfiguration,
  type WebhookAuth,
} from './configuration.ts'
export { configLengthMax, type Finding } from './examine.ts'
export { type HomeChoice, homeFolder, productDir, serviceHome } from './home-folder.ts'
export { configurationReference } from './reference.ts'
export {
  type ListFile,
  type ResolveOptions,
  type RulesetFiles,
  type RulesetFilesReading,
  type RulesetTexts,
  readRulesetFiles,
  resolveRuleset,
  rulesetFileLengthMax,
  rulesetFromPaths,
  rulesOffByDefault,
  type SourceFile,
  sortByBaseName,
} from './ruleset-files.ts'
export { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'
export {
  problemAt,
  readXml,
  spanAt,
  type XmlAttribute,
  type XmlElement,
  type XmlFile,
  xmlAttributesMax,
  xmlDepthMax,
  xmlValueLengthMax,
} from './xml.ts'
