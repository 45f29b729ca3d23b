// What each kind of finding means, and what its repair does, in a sentence each.

/** kind: [what is wrong, what the repair does]; no second sentence where there is none. */
export const KINDS = {
  orphan_thread: ["A session lists a thread that has no record or was removed.", "The list entry and what belongs to it go."],
  missing_thread: ["No session lists this thread, though its record names an owner.", "It is put on its owner's list again."],
  owner_mismatch: ["A session lists a thread whose record names another owner.", "The record decides, unless the owner it names is no more."],
  duplicate_owner: ["Two sessions hold this thread; its record names one.", "The other one lets go of it."],
  missing_association: ["A live thread has no active row with its owner.", "The row is made active again."],
  orphan_association: ["A row names a thread that never was, or was removed.", "The row goes, or becomes inactive."],
  name_mismatch: ["Record, list and row give one thread two names.", "The record's name is put everywhere."],
  dangling_index_entry: ["An index entry points to nothing.", "The entry goes."],
  missing_index_entry: ["A record is left out by an index.", "The entry is made again."],
  run_without_thread: ["There are runs of a thread that is no more.", "The runs go."],
  state_without_thread: ["There are states of a thread that is no more.", "The states go."],
  checkpoint_without_thread: ["There is what a graph left of a thread that is no more.", "It goes."],
  value_without_checkpoint: ["There are values of a graph's channels that no checkpoint has.", "The values go."],
  broken_checkpoint: ["A checkpoint is a sum of writes that has lost its beginning.", ""],
  thread_without_session: ["A session without a record owns something, or a closed one lists threads.", "The session gets a record again, or is opened."],
  log_gap: ["The log's entries are not numbered one after the other.", ""],
  counter_mismatch: ["The stored counters differ from a recount.", "The counters are corrected."],
  damaged_record: ["A value is not what was written under its key: look at the disk.", "What can be made again from other copies is; the rest needs a backup."],
  name_collision: ["Two threads of one session have one name.", "The newer one gets another name."],
  expired_association: ["An inactive row is older than it is to be kept.", "The row goes."],
};

/** Findings by kind, in the order in which kinds first appear. */
export function byKind(findings) {
  const groups = new Map();
  for (const finding of findings) {
    if (!groups.has(finding.kind)) groups.set(finding.kind, []);
    groups.get(finding.kind).push(finding);
  }
  return [...groups];
}

/**
 * The lines of a diff: what is wrong as removed, what its repair does as added.
 *
 * A fix begins with the id of the thread, or else of the session, that it mends.
 */
export function repairLines({ issues_found: findings, fixes_applied: fixes }) {
  const rest = new Set(fixes);
  const lines = findings.flatMap((finding) => {
    const subject = finding.thread_id ?? finding.session_id;
    const own = subject === null ? [] : [...rest].filter((fix) => fix.startsWith(`${subject}: `));
    own.forEach((fix) => rest.delete(fix));
    return [{ sign: "-", text: finding.detail }, ...own.map((text) => ({ sign: "+", text }))];
  });
  return [...lines, ...[...rest].map((text) => ({ sign: "+", text }))];
}
