/** Sends to the emulator; a form as such, and JSON with a Content-Type where orval omits it (its issue 2812). */
export async function http<T>(path: string, init: RequestInit & { form?: FormData }): Promise<T> {
  const headers = new Headers(init.headers);
  headers.set("Authorization", "Bearer YOUR_API_KEY");
  if (init.body && !init.form) headers.set("Content-Type", "application/json");
  const response = await fetch(process.argv[2] + path, { ...init, headers, body: init.form ?? init.body });
  return { data: await response.json(), status: response.status, headers: response.headers } as T;
}
