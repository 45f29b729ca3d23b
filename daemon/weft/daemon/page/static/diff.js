// What makes one JSON value into another: pure, and bounded.

const CHANGES_MAX = 500;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/**
 * Return the changes from one value to another, in the order of the second.
 *
 * A change is { path, kind, before, after }; kind is "added", "removed" or "changed",
 * and path is as people write it: messages[2].content.
 */
export function changes(before, after) {
  const found = [];
  compare(before, after, "", found);
  return found;
}

function compare(before, after, path, found) {
  if (found.length >= CHANGES_MAX || before === after) return;
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(after), ...Object.keys(before)]);
    for (const name of names) member(before, after, name, path + named(name, path), found);
  } else if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    for (let at = 0; at < length; at += 1) member(before, after, at, `${path}[${at}]`, found);
  } else {
    found.push({ path: path || "(all)", kind: "changed", before, after });
  }
}

function member(before, after, name, path, found) {
  if (found.length >= CHANGES_MAX) return;
  if (!Object.hasOwn(before, name)) found.push({ path, kind: "added", after: after[name] });
  else if (!Object.hasOwn(after, name)) found.push({ path, kind: "removed", before: before[name] });
  else compare(before[name], after[name], path, found);
}

function named(name, path) {
  if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(name)) return `[${JSON.stringify(name)}]`;
  return path ? `.${name}` : name;
}
