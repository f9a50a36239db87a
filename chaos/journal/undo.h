/* A step that undoes something a fault did to this machine: what the journal keeps and `harrow heal` carries out.
 *
 * Every step may be carried out any number of times, by several at once, and after what it names has gone: a process is
 * named with its start time, so that a number that was used again is never touched; folders, groups and tables are
 * those whose name begins with "harrow-" and none else. */
#ifndef CHAOS_JOURNAL_UNDO_H
#define CHAOS_JOURNAL_UNDO_H

#include "world/machine.h"

#define UNDO_PREFIX "harrow-" /* of the names of what may be removed */

enum undo_kind {
    UNDO_CONTINUE,  /* a stopped process goes on */
    UNDO_KILL,      /* a process of ours that uses something up ends */
    UNDO_LIMIT,     /* a limit of a process is as before */
    UNDO_CLOCK,     /* the clock of a process, and of those it forked, is right again */
    UNDO_SCHEDULE,  /* processors, niceness and policy of a process are as before */
    UNDO_REMOVE,    /* a file or folder goes, with all below it */
    UNDO_UNMOUNT,   /* what is mounted on `path` under the name `other` */
    UNDO_CGROUP,    /* the control group `path` goes, its processes to `other` */
    UNDO_NFT_TABLE, /* the table named `path` of the family inet (nft(8)) */
    UNDO_NAMESPACE, /* the namespace `path` of the system `other`. Not for undo_apply(): it needs the system */
    UNDO_KIND_COUNT,
};
struct undo {
    enum undo_kind kind;
    struct world_foreign process; /* of the first five */
    enum machine_limit limit;
    struct machine_bounds bounds;
    struct machine_schedule schedule;
    const char *path, *other; /* of the others; borrowed */
};

const char *undo_kind_name(enum undo_kind kind); /* "continue" */
/* Whether the step may be carried out at all; says what is wrong with it. */
int undo_check(const struct undo *step, struct error *err);
/* Runs the loop of `w`. 0: done, or there was nothing to do. */
int undo_apply(struct world *w, const struct undo *step, struct error *err);
/* "process 42 goes on", for people. */
void undo_describe(const struct undo *step, struct text *out);
/* "continue 42 88123", one line's worth without its end; and back, strings pointing into `line`, which is changed. */
void undo_write(const struct undo *step, struct text *out);
int undo_read(char *line, struct undo *out, struct error *err);

#endif
