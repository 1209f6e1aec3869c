/** Writes docs/detections.md anew: `node packages/cli/src/write-detections.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { detectionsPage } from './detections-page.ts'
import { catalogues } from './k8s-catalogue.ts'
import { goldenCases } from './k8s-golden.ts'
import { activityFile, detectionsFile, productSources, rulesetDir } from './k8s-ruleset.ts'

const cases = [...goldenCases(detectionsFile), ...goldenCases(activityFile)]
const page = detectionsPage(catalogues(), cases, productSources().lists)
writeFileSync(join(rulesetDir, '../docs/detections.md'), page)
