/* The write-ahead journal of undo steps: whatever a fault is about to do to this machine that would outlive the harness
 * is first noted here, on disk and synced. After the death of the harness at any moment `harrow heal`, or the next run
 * by itself, undoes what stands in the journals of the dead.
 *
 * Files harrow-<process>-<start time>-<number>.journal, one for each system a harness runs, in
 * ${XDG_RUNTIME_DIR}/harrow or, without that variable, /tmp/harrow-<user>: a folder that must be ours alone. Lines of
 * text, each ending in its checksum (FNV-1a, 64 bits, of all before " #"):
 *
 *     harrow-journal 1 <process> <start time> <boot id> #<sum>
 *     do <number> <step as undo.h writes it> #<sum>
 *     done <number> #<sum>
 *
 * A step is synced before what it undoes is done, so the last line, which a crash may tear, is of something that had
 * not happened yet. "done" lines need no sync: steps may be carried out again. A journal whose owner lives (process,
 * start time and boot are the same) is nobody else's business. */
#ifndef CHAOS_JOURNAL_JOURNAL_H
#define CHAOS_JOURNAL_JOURNAL_H

#include "chaos/journal/undo.h"

#define JOURNAL_VERSION   1
#define JOURNAL_STEPS_MAX 100000 /* in one journal */
#define JOURNAL_SIZE_MAX  ((size_t)32 << 20)
#define JOURNAL_FILES_MAX 10000 /* looked at by one heal */

struct undo_journal;
/* Notes a step; opens the journal on first use (*j NULL). When it returns 0 the step is on disk. In simulation, where
 * nothing outlives us, it notes nothing and *number is 0. */
int undo_journal_note(struct undo_journal **j, struct world *w, const struct undo *step, uint64_t *number,
                      struct error *err);
/* Carries the step out and strikes it; of number 0 nothing. On failure it stays noted. */
int undo_journal_undo(struct undo_journal *j, uint64_t number, struct error *err);
/* Strikes what its owner undid by itself; of number 0 nothing. */
void undo_journal_strike(struct undo_journal *j, uint64_t number);
/* Undoes what is still open, newest first, and removes the file when all could be undone. NULL is fine. */
void undo_journal_close(struct undo_journal *j);
size_t undo_journal_open_steps(const struct undo_journal *j); /* NULL: 0 */

/* Where journals are; the folder need not be there. */
int undo_journal_folder(struct world *w, struct text *out, struct error *err);

enum heal_state {
    HEAL_UNDONE,
    HEAL_FAILED,
    HEAL_ALIVE,
    HEAL_REFUSED,
    HEAL_LISTED,
    HEAL_LEFT /* a namespace: its journal is kept for the next run on that system */
};
struct heal_event {
    enum heal_state state;
    const char *file;        /* of the folder */
    int64_t owner;           /* process; 0: not known */
    const struct undo *step; /* NULL: of the whole file (alive, refused, or nothing was open in it) */
    const char *reason;      /* of a failure or refusal */
};
struct heal_summary {
    size_t journals, alive, undone, failed, refused, left;
};
/* Undoes what dead owners left; `list`: only tells. Returns 0 also when steps failed (see the summary); an error when
 * the folder cannot be used. Several at once are fine. */
int undo_journal_heal(struct world *w, bool list, void (*each)(void *arg, const struct heal_event *e), void *arg,
                      struct heal_summary *summary, struct error *err);
/* The namespaces that dead owners left, and nothing else: `remove` takes one away and returns true, or false when that
 * is not up to it; the journal is kept then. */
int undo_journal_heal_namespaces(struct world *w, bool (*remove)(void *arg, const struct undo *step), void *arg,
                                 struct error *err);

#endif
