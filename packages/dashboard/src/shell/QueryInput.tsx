/**
 * The query bar's input: mistakes are underlined where they are and told below, fields and values are completed.
 * In: the query in force. Out: what the user wants to ask, when they press Enter.
 */
import type { Selection } from '@dogwatch/client'
import { parseQuery, queryLengthMax } from '@dogwatch/query'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { client } from '../data/session.ts'
import { visibleText } from '../url/visible-text.ts'
import { Icon } from '../widgets/icons.tsx'

export interface QueryInputProps {
  readonly value: string
  /** What is completed from: values that occur there. */
  readonly selection: Selection
  readonly onSubmit: (query: string) => void
}

export function QueryInput({ value, selection, onSubmit }: QueryInputProps) {
  const [text, setText] = useState(value)
  const [cursor, setCursor] = useState(value.length)
  const [isOpen, setOpen] = useState(false)
  const [chosen, setChosen] = useState(-1)
  const input = useRef<HTMLInputElement>(null)
  const shade = useRef<HTMLDivElement>(null)
  const listId = useId()
  // The address may change by a filter, a link, or the back button.
  useEffect(() => setText(value), [value])
  const problem = useMemo(() => parseQuery(text).problems[0] ?? null, [text])
  // Where the cursor goes once the completed text is in the input, before another key is.
  const moveTo = useRef<number | null>(null)
  useLayoutEffect(() => {
    if (moveTo.current !== null) input.current?.setSelectionRange(moveTo.current, moveTo.current)
    moveTo.current = null
  })
  const place = useMemo(() => ({ text, cursor }), [text, cursor])
  const [asked] = useDebouncedValue(place, 150)
  const { data: found } = useQuery({
    queryKey: ['complete', asked, selection],
    queryFn: ({ signal }) => client.complete({ ...selection, query: asked.text, cursor: asked.cursor }, signal),
    enabled: isOpen,
    staleTime: 30_000,
  })
  const suggestions = isOpen && found !== undefined && asked.text === text ? found.suggestions : []
  const isShown = suggestions.length > 0

  const take = (suggestion: string) => {
    if (found === undefined) return
    const end = found.kind === 'field' ? ':' : ' '
    // Of what was typed the completion replaces its word; a quote that opened it goes along.
    const from = text[found.from - 1] === '"' && suggestion.startsWith('"') ? found.from - 1 : found.from
    const next = `${text.slice(0, from)}${suggestion}${end}`
    setText(next + text.slice(found.to).trimStart())
    setCursor(next.length)
    setChosen(-1)
    moveTo.current = next.length
  }
  const submit = () => {
    setOpen(false)
    if (problem === null) onSubmit(text.trim())
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault()
      const suggestion = suggestions[chosen]
      if (isShown && suggestion !== undefined) take(suggestion)
      else submit()
    } else if (event.key === 'Escape') {
      setOpen(false)
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      if (!isOpen) return setOpen(true)
      const step = event.key === 'ArrowDown' ? 1 : -1
      setChosen(
        (old) => (old + step + suggestions.length + (old === -1 && step === -1 ? 1 : 0)) % (suggestions.length || 1),
      )
    } else if (event.key === 'Tab' && isShown && chosen >= 0) {
      event.preventDefault()
      take(suggestions[chosen] ?? '')
    }
  }

  return (
    <div className="query">
      <div className="query-box" data-wrong={problem !== null || undefined}>
        <Icon name="search" />
        <div className="query-field">
          <div className="query-shade" aria-hidden="true" ref={shade}>
            {problem !== null && (
              <>
                {text.slice(0, problem.from)}
                <span className="mistake">{text.slice(problem.from, problem.to) || ' '}</span>
              </>
            )}
          </div>
          <input
            ref={input}
            type="text"
            role="combobox"
            aria-label="Query"
            aria-expanded={isShown}
            aria-controls={listId}
            aria-autocomplete="list"
            aria-activedescendant={isShown && chosen >= 0 ? `${listId}-${chosen}` : undefined}
            aria-invalid={problem !== null}
            aria-describedby={`${listId}-says`}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={queryLengthMax}
            placeholder="rule.level >= 7 and not agent.name:web*"
            value={text}
            onChange={({ currentTarget }) => {
              setText(currentTarget.value)
              setCursor(currentTarget.selectionStart ?? currentTarget.value.length)
              setOpen(true)
              setChosen(-1)
            }}
            onSelect={({ currentTarget }) => setCursor(currentTarget.selectionStart ?? 0)}
            onScroll={({ currentTarget }) => {
              if (shade.current !== null) shade.current.style.transform = `translateX(${-currentTarget.scrollLeft}px)`
            }}
            onKeyDown={onKeyDown}
            onBlur={() => setOpen(false)}
          />
        </div>
        {text !== '' && (
          <button
            type="button"
            className="query-clear"
            aria-label="Clear the query"
            onClick={() => {
              setText('')
              onSubmit('')
              input.current?.focus()
            }}
          >
            <Icon name="close" size={13} />
          </button>
        )}
      </div>
      <div id={`${listId}-says`} className="query-says" role="status">
        {problem !== null && text === value && problem.message}
        {problem !== null && text !== value && (isShown ? '' : problem.message)}
      </div>
      <div id={listId} role="listbox" aria-label="Suggestions" className="query-list" hidden={!isShown}>
        {suggestions.map((suggestion, at) => (
          <div
            key={suggestion}
            id={`${listId}-${at}`}
            role="option"
            tabIndex={-1}
            aria-selected={at === chosen}
            className="query-option"
            // Before the input loses the focus, which closes the list.
            onMouseDown={(event) => {
              event.preventDefault()
              take(suggestion)
            }}
          >
            {visibleText(suggestion)}
          </div>
        ))}
      </div>
    </div>
  )
}
