// Settings under the names of the core: `resume_window` becomes `resumeWindow`. A new setting needs the schema and its reader only.

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail> & string>}`
  : Name
export type CamelCased<Section> = { [Name in keyof Section as CamelCase<Name> & string]: Section[Name] }

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The settings of one section; their values stay as they are. */
export const camelCased = <Section extends object>(section: Section): CamelCased<Section> =>
  Object.fromEntries(Object.entries(section).map(([name, value]) => [camelCase(name), value])) as CamelCased<Section>
