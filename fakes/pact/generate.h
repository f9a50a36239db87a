/* Generators, inside: generate.c finds the places, generate_xml.c those in XML, generate_value.c makes the values.
 * Private to fakes/pact. */
#ifndef FAKES_PACT_GENERATE_H
#define FAKES_PACT_GENERATE_H

#include "fakes/pact/internal.h"
#include "fakes/pact/path.h"

struct generation {
    const struct pact_generating *with;
    struct arena *arena;
    struct error *err;
    int rc; /* sticky */
};

int generation_no_memory(struct generation *g);
int generation_path(struct generation *g, const char *text, struct pact_path *out);
/* What is made of a text is text, in the arena. NULL: the example stays, or g->rc. */
const char *generation_text(struct generation *g, const struct pact_generator *by, const char *example);

/* In an XML document: attributes and texts are replaced where they stand, all else stays byte by byte. */
void generate_xml(struct generation *g, const struct pact_generator *by, struct pact_content *c);

/* A new value in the place of `example`; *out NULL: the example stays (nothing gave the value). */
int generate_value(const struct pact_generator *g, const struct pact_generating *with, const json_t *example,
                   json_t **out, struct error *err);

#endif
