export function bundle(...names: string[]): Promise<Map<string, string>>
