/**
 * What a write does to the pod security level of a namespace (k8s-detections row 85): the level it sets, `removed` when it takes one away,
 * `none` when the object has none and nothing says that it had one. Untrusted objects in, a short word out; never throws.
 */
import { isRecord, type JsonRecord, listOf, recordOf, textIn } from './untrusted.ts'

const enforceLabel = 'pod-security.kubernetes.io/enforce'
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'
/** Longest copy in an annotation that is read, in code units; annotations end at 256 KiB. */
const copyLengthMax = 262_144

/**
 * The level after a write. `change` is what a patch sets (removals as null), undefined for other verbs and where it is not known; then
 * `object` is what was written. Undefined when the write does not speak of it.
 */
export function podSecurityLevel(object: JsonRecord, change: JsonRecord | undefined, verb: string): string | undefined {
  if (change !== undefined) return levelOfChange(change)
  const level = recordOf(recordOf(object.metadata)?.labels)?.[enforceLabel]
  if (typeof level === 'string' && level !== '') return level
  if (verb === 'create') return undefined
  return level === '' || hadLevel(object) ? 'removed' : 'none'
}

function levelOfChange(change: JsonRecord): string | undefined {
  if (!Object.hasOwn(change, 'metadata')) return undefined
  const metadata = recordOf(change.metadata)
  if (metadata === undefined) return 'removed'
  const labels = metadata.labels
  if (labels === null) return 'removed'
  if (!isRecord(labels)) return undefined
  const level = labels[enforceLabel]
  if (typeof level === 'string' && level !== '') return level
  if (level === null || level === '') return 'removed'
  // `$patch: replace` and `delete` of a strategic merge, and a JSON patch that replaces all labels, leave none that they do not name.
  return typeof labels.$patch === 'string' || typeof metadata.$patch === 'string' ? 'removed' : undefined
}

/** Whether an object without the label carries marks of it: a manager that owns it, or the copy that kubectl left. */
function hadLevel(object: JsonRecord): boolean {
  const metadata = recordOf(object.metadata)
  const isOwned = listOf(metadata?.managedFields).some((entry) => {
    const fields = recordOf(recordOf(recordOf(entry)?.fieldsV1)?.['f:metadata'])
    return Object.hasOwn(recordOf(fields?.['f:labels']) ?? {}, `f:${enforceLabel}`)
  })
  return isOwned || copyHasLevel(textIn(recordOf(metadata?.annotations)?.[lastApplied]) ?? '')
}

function copyHasLevel(copy: string): boolean {
  if (copy.length > copyLengthMax || !copy.includes(enforceLabel)) return false
  try {
    const labels = recordOf(recordOf(recordOf(JSON.parse(copy))?.metadata)?.labels)
    return typeof labels?.[enforceLabel] === 'string'
  } catch {
    return false // A damaged copy says nothing.
  }
}
