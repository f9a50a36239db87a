/* A broker that is a folder: pacts, who published them from which version, what verifying them showed, and what is
 * deployed where. It may lie in git: one small JSON file for each record, none of them an index, so that two branches
 * that publish do not meet in one file.
 *
 *   pacts/SHA256.json                                     a pact, named by its bytes; never changed
 *   publications/CONSUMER/PROVIDER/VERSION.json           which pact a version of the consumer has
 *   branches/COMPONENT/BRANCH/VERSION.json                that version is from that branch
 *   tags/COMPONENT/TAG/VERSION.json                       that version has that tag
 *   results/PROVIDER/VERSION/SHA256.json                  what verifying a pact against that version showed
 *   deployments/ENVIRONMENT/COMPONENT.json                the version that is deployed there
 *
 * Names are percent-encoded where a file system or git would stumble. A record says in itself what its path says; where
 * they differ that is an error. Files are written to the side and renamed, so that several processes may read and
 * write; what is published is never changed, but by a later result or deployment, which takes the earlier one's place.
 * docs/contracts.md shows it in use. */
#ifndef FAKES_BROKER_BROKER_H
#define FAKES_BROKER_BROKER_H

#include "base/array.h"
#include "fakes/pact/pact.h"
#include "world/world.h"

#define BROKER_PACT_MAX   ((size_t)64 << 20)
#define BROKER_RECORD_MAX ((size_t)1 << 20)
#define BROKER_SHA_SIZE   65

enum pact_broker_kind {
    BROKER_PUBLICATION,
    BROKER_BRANCH,
    BROKER_TAG,
    BROKER_RESULT,
    BROKER_DEPLOYMENT,
    BROKER_KINDS,
};

/* One file. Members that its kind has not are NULL or 0. */
struct pact_broker_record {
    enum pact_broker_kind kind;
    const char *component; /* consumer of a publication and a result */
    const char *provider;  /* of a publication and a result */
    const char *version;   /* consumer's of a publication, provider's of a result */
    const char *name;      /* branch, tag, environment; of a result the provider's branch, or NULL */
    const char *pact;      /* its hash: of a publication and a result */
    const char *time;      /* RFC 3339, UTC: when it was made; what came last is told by it */
    bool success;          /* of a result */
    int64_t passed, failed;
};

struct pact_broker {
    struct world *world;
    struct arena arena;
    const char *folder;
    ARRAY(struct pact_broker_record) records;
};
/* Reads all records. A folder that is not there is empty. */
int pact_broker_open(struct world *w, const char *folder, struct pact_broker **out, struct error *err);
void pact_broker_close(struct pact_broker *b); /* NULL is fine */

/* A record from its file's bytes; strings in the arena. For pact_broker_open(), and for who tries it. */
int pact_broker_record_parse(struct bytes text, const char *name, enum pact_broker_kind kind, struct arena *arena,
                             struct pact_broker_record *out, struct error *err);

/* ---- telling it ---- */

/* A version that was published with another pact before is ERROR_EXISTS. `branch` and `tag` may be NULL. */
int pact_broker_publish(struct pact_broker *b, const struct pact *pact, const char *version, const char *branch,
                        const char *const *tags, size_t tag_count, struct error *err);
int pact_broker_set_branch(struct pact_broker *b, const char *component, const char *version, const char *branch,
                           struct error *err);
int pact_broker_set_tag(struct pact_broker *b, const char *component, const char *version, const char *tag,
                        struct error *err);
int pact_broker_deploy(struct pact_broker *b, const char *component, const char *version, const char *environment,
                       struct error *err);
int pact_broker_add_result(struct pact_broker *b, const struct pact_broker_record *result,
                           struct error *err); /* `time` is set */

/* ---- asking it ---- */

int pact_broker_read_pact(struct pact_broker *b, const char *sha, struct pact **out, struct error *err);

enum pact_broker_selector_kind {
    BROKER_LATEST,    /* of each consumer what was published last */
    BROKER_OF_BRANCH, /* likewise of a branch */
    BROKER_OF_TAG,    /* of those with the tag */
    BROKER_DEPLOYED,  /* in an environment */
    BROKER_WIP,       /* the last of each branch of each consumer that no version of the provider has passed */
};
struct pact_broker_selector {
    enum pact_broker_selector_kind kind;
    const char *name; /* borrowed */
};
/* "latest", "branch=NAME", "tag=NAME", "env=NAME", "wip"; in `out`, borrowed from the text. */
int pact_broker_selector_parse(const char *text, struct pact_broker_selector *out, struct error *err);

/* Pacts with a provider, each once. */
struct pact_broker_selected {
    const char *pact, *consumer, *version; /* of the last publication that was selected */
    const char *why;                       /* "latest, branch main" */
    bool pending;                          /* no version of the provider ever passed it (on `branch`, when told) */
    bool wip;                              /* only by BROKER_WIP */
};
struct pact_broker_selection {
    ARRAY(struct pact_broker_selected) items;
};
int pact_broker_select(struct pact_broker *b, const char *provider, const char *branch,
                       const struct pact_broker_selector *selectors, size_t count, struct pact_broker_selection *out,
                       struct error *err);
void pact_broker_selection_deinit(struct pact_broker_selection *s);

enum pact_broker_answer { BROKER_YES, BROKER_NO, BROKER_UNKNOWN };
const char *pact_broker_answer_name(enum pact_broker_answer a); /* "yes", "no", "unknown" */
struct pact_broker_row {
    const char *consumer, *consumer_version, *provider, *provider_version; /* versions may be NULL: none is there */
    const char *pact;
    enum pact_broker_answer answer;
    const char *why;
};
struct pact_broker_rows {
    ARRAY(struct pact_broker_row) items;
    enum pact_broker_answer answer;
};
/* May that version go where the others are? No: a row has failed, or the version is not known. Unknown: a row that is
 * needed was never verified, or a provider is not deployed there. Yes: all rows passed, also when there is none. */
int pact_broker_can_deploy(struct pact_broker *b, const char *component, const char *version, const char *environment,
                           struct pact_broker_rows *out, struct error *err);
void pact_broker_rows_deinit(struct pact_broker_rows *rows);

#endif
