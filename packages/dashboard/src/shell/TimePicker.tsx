/** The time range: quick ones, or two times in the viewer's zone; and how often the page refreshes itself. */
import { Button, Group, NativeSelect, Popover, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { fullTime, quickRanges, rangeLabel, timeMsOf, zoneName } from '../url/time-range.ts'
import { useChangeUrlState, usePageParam, useUrlState } from '../url/url-state.ts'
import { Icon } from '../widgets/icons.tsx'

const refreshChoices = [
  { value: '0', label: 'Never' },
  { value: '5', label: 'Every 5 seconds' },
  { value: '30', label: 'Every 30 seconds' },
  { value: '60', label: 'Every minute' },
  { value: '300', label: 'Every 5 minutes' },
]

export function TimePicker() {
  const { range } = useUrlState()
  const change = useChangeUrlState()
  const [isOpen, { toggle, close }] = useDisclosure()
  const [every, setEvery] = usePageParam('every', '0')
  return (
    <Popover
      opened={isOpen}
      onChange={(open) => !open && close()}
      position="bottom-end"
      shadow="md"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          h={30}
          leftSection={<Icon name="clock" />}
          onClick={toggle}
          aria-label={`Time range: ${rangeLabel(range)}`}
          aria-expanded={isOpen}
        >
          {rangeLabel(range)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Time range">
        <div className="time-picker">
          <div className="time-picker-quick">
            {quickRanges.map(({ from, label }) => (
              <Button
                key={from}
                variant={range.from === from && range.to === 'now' ? 'light' : 'subtle'}
                color={range.from === from && range.to === 'now' ? undefined : 'gray'}
                justify="flex-start"
                h={26}
                onClick={() => {
                  change({ range: { from, to: 'now' } })
                  close()
                }}
              >
                {label}
              </Button>
            ))}
          </div>
          <Stack gap="xs">
            <AbsoluteRange
              key={`${range.from} ${range.to}`}
              onChosen={(from, to) => {
                change({ range: { from, to } })
                close()
              }}
            />
            <NativeSelect
              size="xs"
              label="Refresh by itself"
              data={refreshChoices}
              value={every}
              onChange={({ currentTarget }) => setEvery(currentTarget.value)}
            />
            <Text size="xs" c="dimmed">
              Times are those of {zoneName()}.
            </Text>
          </Stack>
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}

function AbsoluteRange({ onChosen }: { readonly onChosen: (from: string, to: string) => void }) {
  const { range } = useUrlState()
  const now = Date.now()
  const [from, setFrom] = useState(fieldTime(timeMsOf(range.from, now)))
  const [to, setTo] = useState(fieldTime(timeMsOf(range.to, now)))
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)]
  const isGood = fromMs < toMs
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (isGood) onChosen(new Date(fromMs).toISOString(), new Date(toMs).toISOString())
      }}
    >
      <Stack gap="xs">
        <TextInput
          type="datetime-local"
          step={1}
          label="From"
          value={from}
          onChange={({ currentTarget }) => setFrom(currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          step={1}
          label="To"
          value={to}
          error={isGood ? null : 'ends before it begins'}
          onChange={({ currentTarget }) => setTo(currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button type="submit" disabled={!isGood}>
            Use these times
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** As an input of type datetime-local holds it. */
function fieldTime(ms: number): string {
  return fullTime(ms).replace(' ', 'T')
}
