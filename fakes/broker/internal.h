/* What the broker's files share: record.c one record and its file, broker.c all of them, select.c and deploy.c what is
 * asked. */
#ifndef FAKES_BROKER_INTERNAL_H
#define FAKES_BROKER_INTERNAL_H

#include "base/document.h"
#include "fakes/broker/broker.h"

/* The path below the broker's folder, appended. */
void pact_broker_record_path(const struct pact_broker_record *r, struct text *out);
/* The file's content, appended. False: no memory. */
bool pact_broker_record_write(const struct pact_broker_record *r, struct text *out);
extern const char *const pact_broker_folders[BROKER_KINDS];

/* The publication that came last of those with that consumer and provider for which `fits` says so; NULL: none. */
const struct pact_broker_record *pact_broker_last(
    const struct pact_broker *b, const char *consumer, const char *provider,
    bool (*fits)(const struct pact_broker *b, const struct pact_broker_record *publication, const char *name),
    const char *name);
const struct pact_broker_record *pact_broker_result(const struct pact_broker *b, const char *provider,
                                                    const char *version, const char *pact);
const struct pact_broker_record *pact_broker_deployed(const struct pact_broker *b, const char *component,
                                                      const char *environment);
const struct pact_broker_record *pact_broker_publication(const struct pact_broker *b, const char *consumer,
                                                         const char *provider, const char *version);

#endif
