import { describe, expect, test } from 'vitest'
import { readXml, type XmlElement, xmlAttributesMax, xmlDepthMax, xmlValueLengthMax } from './xml.ts'

/** An element as `name[attributes]{children}content`, empty parts left away. */
function shown({ name, attributes, children, content }: XmlElement): string {
  const pairs = attributes.map((attribute) => `${attribute.name}=${attribute.value}`).join(' ')
  const below = children.map(shown).join(' ')
  return `${name}${pairs === '' ? '' : `[${pairs}]`}${below === '' ? '' : `{${below}}`}${content}`
}

function rootsOf(text: string): string[] {
  const read = readXml('f.xml', text)
  if ('problem' in read) throw new Error(read.problem.message)
  return read.file.roots.map(shown)
}

const sound: [says: string, text: string, roots: string[]][] = [
  ['a file may hold several roots', '<a>1</a><b>2</b>', ['a1', 'b2']],
  ['text between roots is ignored', 'x & y <a>1</a> > z <b/>', ['a1', 'b']],
  ['a file may hold none', 'nothing', []],
  ['no prolog is needed', '<a/>', ['a']],
  ['entities are not decoded', '<a>&lt;&amp;</a>', ['a&lt;&amp;']],
  ['a bare &, > or quote is text', `<a>& > " '</a>`, [`a& > " '`]],
  ['a backslash makes < content, and both bytes stay', '<a>x\\<b</a>', ['ax\\<b']],
  ['a pair of backslashes cancels', '<a>x\\\\</a>', ['ax\\\\']],
  ['three make it content again', '<a>x\\\\\\<b</a>', ['ax\\\\\\<b']],
  ['a comment before and behind', '<!-- x --><a/><! y !>', ['a']],
  ['a comment inside content', '<a>1<!-- <b> -->2</a>', ['a12']],
  ['either ending closes either beginning', '<a>1<!-- x !>2<! y -->3</a>', ['a123']],
  ['a self-closing element has empty content', '<a><b/><c />x</a>', ['a{b c}x']],
  ['content is not trimmed, newlines stay', '<a> 1\n </a>', ['a 1\n ']],
  ['only text behind the last child is content', '<a>1<b>2</b>3<c/>4</a>', ['a{b2 c}4']],
  ['attributes in either quotes', `<a x="1" y='2'/>`, ['a[x=1 y=2]']],
  ['quotes of the other kind inside', `<a x="it's" y='"'/>`, [`a[x=it's y="]`]],
  ['blanks behind =', '<a x= "1"/>', ['a[x=1]']],
  ['tags and newlines in a value', '<a x="<b>\n"/>', ['a[x=<b>\n]']],
  ['attributes over lines', '<a\n  x="1"\n\ty="2"\n>z</a>', ['a[x=1 y=2]z']],
  ['names keep their case', '<Aa>1</Aa>', ['Aa1']],
]
describe('the dialect', () => {
  for (const [says, text, roots] of sound) test(says, () => expect(rootsOf(text)).toEqual(roots))

  test('places count bytes from the line', () => {
    const read = readXml('f.xml', '<a>\n  <b c="d"/></a>')
    const child = 'file' in read ? read.file.roots[0]?.children[0] : undefined
    expect([child?.offset, child?.attributes[0]?.offset]).toEqual([6, 9])
  })
})

const long = 'x'.repeat(xmlValueLengthMax)
const broken: [says: string, text: string, line: number, column: number][] = [
  ['an element that is never closed', '\n <a>', 2, 2],
  ['a closing tag of another name', '<a>\n</b>', 2, 1],
  ['a closing tag with a blank', '<a>\n</a >', 2, 1],
  ['a closing tag in other case', '<a>\n</A>', 2, 1],
  ['a closing tag without its opening one', '<a/>\n</a>', 2, 1],
  ['a comment that is never closed', 'x\n<!-- y', 2, 1],
  ['a comment inside content that is never closed', '<a>\n<!-- y</a>', 2, 1],
  ['a < that begins no tag', '<a>1 < 2</a>', 1, 6],
  ['a blank before =', '<a x ="1"/>', 1, 4],
  ['a value without quotes', '<a x=1/>', 1, 4],
  ['a value that is never closed', '<a x="1/>', 1, 6],
  ['an attribute twice in one tag', '<a x="1"\n x="2"/>', 2, 2],
  ['a tag that is never closed', '<a x="1"', 1, 9],
  ['too long a value', `<a x="${long}x"/>`, 1, 6],
  ['too long a content', `<a>${long}x</a>`, 1, 4],
  ['elements nested too deep', '<a>'.repeat(xmlDepthMax + 1), 1, xmlDepthMax * 3 + 1],
  [
    'too many attributes',
    `<a ${Array.from({ length: xmlAttributesMax + 1 }, (_, n) => `a${String(n).padStart(2, '0')}="1"`).join(' ')}/>`,
    1,
    4 + xmlAttributesMax * 8,
  ],
]
describe('what is not well formed is told with its place', () => {
  for (const [says, text, line, column] of broken)
    test(says, () => {
      const read = readXml('f.xml', text)
      expect('problem' in read && [read.problem.code, read.problem.at.line, read.problem.at.column]).toEqual([
        'XML_MALFORMED',
        line,
        column,
      ])
    })

  test.each([
    ['a value', `<a x="${long}"/>`],
    ['a content', `<a>${long}</a>`],
    ['nesting', '<a>'.repeat(xmlDepthMax) + '</a>'.repeat(xmlDepthMax)],
  ])('%s of just the length allowed is sound', (_, text) => expect(rootsOf(text).length).toBe(1))
})
