/** `<var name="X">…</var>`: variables of one ruleset file (spec: engine, part 4.2). */
import type { XmlElement, XmlFile } from '@dogwatch/config'
import { foldName } from './fields.ts'
import type { Problems } from './problems.ts'

/** Longest variable name, in bytes. */
const nameLengthMax = 255
const delimiters = new Set(['$', '.', '|', ',', ' '])

/** The file's other root elements, with variables put in; a mistake is noted and leaves the text as it was. */
export function expandVariables(file: XmlFile, problems: Problems): readonly XmlElement[] {
  if (!file.roots.some((root) => root.name.toLowerCase() === 'var')) return file.roots
  const values = new Map<string, string>()
  const expand = (text: string, offset: number): string => {
    if (text.length <= 2 || values.size === 0 || !text.includes('$')) return text
    let out = ''
    let at = 0
    for (let dollar = text.indexOf('$'); dollar !== -1; dollar = text.indexOf('$', at)) {
      let end = dollar + 1
      while (end < text.length && !delimiters.has(text[end] as string)) end++
      const name = text.slice(dollar + 1, end)
      const value = values.get(foldName(name))
      out += text.slice(at, dollar)
      if (value !== undefined) out += value
      else {
        if (name !== '' && !name.startsWith('(')) {
          problems.error(
            file,
            offset,
            'VARIABLE_UNKNOWN',
            `$${name.slice(0, nameLengthMax)} is not defined before in this file; add <var name="…">`,
          )
        }
        out += text.slice(dollar, end)
      }
      at = end
    }
    return out + text.slice(at)
  }
  const walk = (element: XmlElement): XmlElement => ({
    ...element,
    attributes: element.attributes.map((a) => (a.value.includes('$') ? { ...a, value: expand(a.value, a.offset) } : a)),
    content: expand(element.content, element.offset),
    children: element.children.map(walk),
  })
  const kept: XmlElement[] = []
  for (const root of file.roots) {
    if (root.name.toLowerCase() !== 'var') {
      kept.push(walk(root))
      continue
    }
    const name = root.attributes[0]
    if (
      root.attributes.length !== 1 ||
      name?.name !== 'name' ||
      name.value === '' ||
      name.value.length > nameLengthMax
    ) {
      problems.error(file, root.offset, 'VARIABLE_INVALID', 'a variable is written <var name="NAME">text</var>')
    } else values.set(foldName(name.value), expand(root.content, root.offset))
  }
  return kept
}
