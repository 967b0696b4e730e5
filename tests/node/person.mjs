// Somebody with a browser: opens an address, follows where it leads, signs in as `ada`, agrees to what is asked, and prints
// the last page.
const cookies = new Map();
let [url, options] = [new URL(process.argv[2]), {}];
for (let pages = 0; pages < 30; pages += 1) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const page = await fetch(url, { ...options, redirect: 'manual', headers: { cookie } });
  for (const set of page.headers.getSetCookie()) {
    const [name, value] = set.split(';')[0].split(/=(.*)/s);
    cookies.set(name, value);
  }
  const to = page.headers.get('location');
  if (to) {
    [url, options] = [new URL(to, url), {}];
    continue;
  }
  const text = await page.text();
  const form = text.match(/<form[^>]*>/)?.[0];
  if (!form || !page.ok) {
    console.log(text);
    process.exit(page.ok ? 0 : 1);
  }
  const attribute = (tag, name) => tag.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1];
  const inputs = text.match(/<input[^>]*>/g) ?? [];
  const fields = inputs.map((tag) => [attribute(tag, 'name'), attribute(tag, 'value') ?? 'ada']).filter(([name]) => name);
  url = new URL(attribute(form, 'action'), url);
  options = { method: 'POST', body: new URLSearchParams(fields) };
}
console.log('too many pages');
process.exit(1);
