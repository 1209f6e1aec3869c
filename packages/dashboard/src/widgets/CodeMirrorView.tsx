/** The one place that knows CodeMirror. In: the text, its language, the problems. Out: the text as it is changed. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import { xml } from '@codemirror/lang-xml'
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { useEffect, useRef } from 'react'
import { styleNonce } from '../nonce.ts'

/** A problem of the text; line and column count from one. */
export interface CodeProblem {
  readonly line: number
  readonly column?: number
  readonly message: string
  readonly severity: 'error' | 'warning'
}

export interface CodeEditorProps {
  readonly value: string
  readonly language: 'xml' | 'json' | 'text'
  /** What is edited, for readers by ear. */
  readonly label: string
  /** Left out: read-only. */
  readonly onChange?: (value: string) => void
  readonly problems?: readonly CodeProblem[]
  /** In pixels. */
  readonly height?: number
  /** Ctrl-Enter or Cmd-Enter: run, save. */
  readonly onSubmit?: () => void
}

/** Colours are variables of the page's, so that they follow the scheme. */
const highlighting = HighlightStyle.define([
  { tag: [tags.tagName, tags.keyword], color: 'var(--code-name)' },
  { tag: [tags.attributeName, tags.propertyName], color: 'var(--code-attribute)' },
  { tag: [tags.attributeValue, tags.string], color: 'var(--code-text)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
  { tag: [tags.angleBracket, tags.punctuation], color: 'var(--code-comment)' },
])

export default function CodeMirrorView({
  value,
  language,
  label,
  onChange,
  problems = [],
  height = 320,
  onSubmit,
}: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const handlers = useRef({ onChange, onSubmit })
  handlers.current = { onChange, onSubmit }
  const writable = useRef(new Compartment())
  const isReadOnly = onChange === undefined
  // Made once for a language; value and problems are brought in by the effects below.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor keeps its own state while these change
  useEffect(() => {
    if (place.current === null) return
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          EditorView.cspNonce.of(styleNonce()),
          lineNumbers(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          highlightSpecialChars(),
          lintGutter(),
          syntaxHighlighting(highlighting),
          // Tab stays the key that leaves the editor; indenting is done by blanks.
          keymap.of([
            {
              key: 'Mod-Enter',
              run: () => {
                handlers.current.onSubmit?.()
                return handlers.current.onSubmit !== undefined
              },
            },
            ...defaultKeymap,
            ...historyKeymap,
            ...searchKeymap,
            ...lintKeymap,
          ]),
          ...(language === 'xml' ? [xml()] : language === 'json' ? [json()] : []),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': label }),
          writable.current.of(writing(isReadOnly)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.onChange?.(update.state.doc.toString())
          }),
        ],
      }),
    })
    view.current = made
    return () => {
      made.destroy()
      view.current = null
    }
  }, [language, label])
  useEffect(() => {
    const made = view.current
    const held = made?.state.doc.toString()
    if (made !== null && held !== value)
      made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value } })
  }, [value])
  useEffect(() => {
    view.current?.dispatch({ effects: writable.current.reconfigure(writing(isReadOnly)) })
  }, [isReadOnly])
  useEffect(() => {
    const made = view.current
    if (made !== null)
      made.dispatch(
        setDiagnostics(
          made.state,
          problems.map((problem) => diagnosticOf(made.state, problem)),
        ),
      )
  }, [problems])
  return <div ref={place} className="code-editor" style={{ height }} />
}

function writing(isReadOnly: boolean) {
  return [EditorState.readOnly.of(isReadOnly), EditorView.editable.of(!isReadOnly)]
}

function diagnosticOf(state: EditorState, { line, column = 1, message, severity }: CodeProblem): Diagnostic {
  const at = state.doc.line(Math.max(1, Math.min(line, state.doc.lines)))
  const from = Math.min(at.from + Math.max(0, column - 1), at.to)
  return { from, to: at.to, severity, message }
}
