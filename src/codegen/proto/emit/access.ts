/** How a property is reached: `.fish`, or `["1"]`. */
export function access(property: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(property) ? `.${property}` : `[${JSON.stringify(property)}]`;
}
