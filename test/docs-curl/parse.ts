/**
 * Reads the curl lines of a document with the answers printed below them. Pure: who runs them is a test.
 * A fenced block marked `console` holds lines `$ curl ...`, each followed by the lines of its answer.
 * In an answer `…` stands for anything within a line, and a line that is only `…` for any number of lines.
 */

/** One curl line and what the document says it answers. */
export interface DocumentedRequest {
  /** Line of the `$`, from 1. */
  readonly line: number;
  readonly command: string;
  readonly expected: readonly string[];
}

/** What a curl line asks for. */
export interface CurlRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  /** Whether status line and headers are printed (`-i`, `-I`). */
  readonly showHeaders: boolean;
}

/** All curl lines of a document, top to bottom. Errors: a `console` block with anything but curl. */
export function documentedRequests(markdown: string): DocumentedRequest[] {
  const requests: { line: number; command: string; expected: string[] }[] = [];
  let inBlock = false;
  let unfinished = false;
  markdown.split('\n').forEach((text, index) => {
    const current = requests.at(-1);
    if (/^\s*```/.test(text)) {
      if (unfinished) throw new Error(`line ${index + 1}: the command before the fence has no end`);
      inBlock = !inBlock && /^\s*```console\s*$/.test(text);
      return;
    }
    if (!inBlock) return;
    if (unfinished && current !== undefined) {
      current.command += `\n${text}`;
    } else if (text.startsWith('$ ')) {
      if (!text.startsWith('$ curl '))
        throw new Error(`line ${index + 1}: not a curl line: ${text}`);
      requests.push({ line: index + 1, command: text.slice(2), expected: [] });
    } else {
      if (current === undefined) throw new Error(`line ${index + 1}: an answer without a command`);
      current.expected.push(text);
    }
    unfinished = isUnfinished(requests.at(-1)?.command ?? '', unfinished || text.startsWith('$ '));
  });
  return requests;
}

function isUnfinished(command: string, isCommandLine: boolean): boolean {
  return isCommandLine && (command.endsWith('\\') || words(command) === undefined);
}

/** Whether an answer is the one that the document prints. Trailing empty lines do not count. */
export function answerMatches(expected: readonly string[], actual: string): boolean {
  const wanted = withoutTrailingEmpty(expected);
  const given = withoutTrailingEmpty(actual.replaceAll('\r\n', '\n').split('\n'));
  const pattern = wanted.map(linePattern).join('');
  return new RegExp(`^${pattern}$`).test(given.map((line) => `${line}\n`).join(''));
}

function linePattern(line: string): string {
  if (line.trim() === '…') return '(?:[^\\n]*\\n)*?';
  const parts = line.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return `${parts.join('[^\\n]*?')}\\n`;
}

function withoutTrailingEmpty(lines: readonly string[]): string[] {
  const last = lines.findLastIndex((line) => line !== '');
  return lines.slice(0, last + 1);
}

/** What a curl line asks for, sent to `address` in place of http://localhost:8080. Errors: unknown options. */
export function curlRequest(command: string, address: string): CurlRequest {
  const [, ...rest] = words(command) ?? [];
  const headers: [string, string][] = [];
  const bodies: string[] = [];
  let method: string | undefined;
  let url: string | undefined;
  let showHeaders = false;
  for (let index = 0; index < rest.length; index += 1) {
    const word = rest[index] ?? '';
    const value = (): string => {
      index += 1;
      return rest[index] ?? '';
    };
    if (word === '-X' || word === '--request') method = value();
    else if (/^(-d|--data|--data-raw|--data-binary)$/.test(word)) bodies.push(value());
    else if (word === '-H' || word === '--header') headers.push(headerOf(value()));
    else if (word === '-i' || word === '--include') showHeaders = true;
    else if (word === '-I' || word === '--head') [method, showHeaders] = ['HEAD', true];
    else if (!/^(-s|-S|-sS|-N|--silent|--no-buffer)$/.test(word)) {
      if (word.startsWith('-') || url !== undefined)
        throw new Error(`unknown to the parser: ${word}`);
      url = word;
    }
  }
  if (url === undefined) throw new Error(`no address: ${command}`);
  const body = bodies.length === 0 ? undefined : bodies.join('&');
  const typed = headers.some(([name]) => name.toLowerCase() === 'content-type');
  if (body !== undefined && !typed) headers.push(['content-type', FORM]);
  return {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    url: url.replace(/^http:\/\/(localhost|127\.0\.0\.1):8080/, address),
    headers,
    body,
    showHeaders,
  };
}

/** What curl sends when `-d` is given without a content-type. */
const FORM = 'application/x-www-form-urlencoded';

function headerOf(text: string): [string, string] {
  const colon = text.indexOf(':');
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

/** The words of a shell command with quotes and line ends honoured; undefined while a quote is open. */
function words(command: string): string[] | undefined {
  const found: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < command.length; index += 1) {
    const character = command[index] ?? '';
    const escapes = character === '\\' && quote !== "'";
    if (escapes) {
      const next = command[index + 1] ?? '';
      const literal = quote === '"' && !/["\\$`\n]/.test(next) ? `\\${next}` : next;
      index += 1;
      if (next !== '\n') word = (word ?? '') + literal;
    } else if (character === quote) quote = undefined;
    else if (quote === undefined && (character === "'" || character === '"')) {
      quote = character;
      word ??= '';
    } else if (quote === undefined && /\s/.test(character)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (quote !== undefined) return undefined;
  return word === undefined ? found : [...found, word];
}
