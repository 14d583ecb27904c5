// A list of names, each with its value.

export function NamesAndValues(props: {
  rows: readonly (readonly [name: string, value: string])[]
  class: string
  testId: string
}) {
  return (
    <dl class={props.class} data-testid={props.testId}>
      {props.rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
