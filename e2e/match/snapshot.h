/* Snapshots of answers: files beside the flow that a step's answer is compared with. */
#ifndef E2E_MATCH_SNAPSHOT_H
#define E2E_MATCH_SNAPSHOT_H

#include "e2e/internal.h"

/* What a run knows of them: which were used, and whether they are written anew. */
struct snapshots;
struct snapshots *snapshots_new(bool update); /* NULL: no memory */
void snapshots_free(struct snapshots *s);
/* What was written, for people; nothing when nothing is. */
void snapshots_say(const struct snapshots *s, struct text *out);
/* The files of the flow file's snapshots that no step used, with commas between. */
void snapshots_unused(const struct snapshots *s, struct world *files, const char *flow_path, struct text *out);

/* What stands behind the key "snapshot" of a step. */
int snapshot_check(const struct node *n, struct error *err);
/* Compares the answer, or writes it: adds mismatches, or sets the error. */
void snapshot_judge(struct flow_context *x, const struct node *n);
void snapshots_folder(const char *flow_path, struct text *out);

#endif
