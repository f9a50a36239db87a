/* What the tests of fakes/pact share: pacts from short texts, and one side matched against the other. */
#ifndef FAKES_PACT_TEST_PACT_H
#define FAKES_PACT_TEST_PACT_H

#include "base/test.h"

#include "fakes/pact/pact.h"

/* An HTTP interaction of version 4: `request` and `response` are the members of the two maps. */
static inline struct pact *test_pact(const char *request, const char *response)
{
    struct text text = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct pact *p = NULL;
    text_printf(&text,
                "{\"consumer\": {\"name\": \"c\"}, \"provider\": {\"name\": \"p\"}, \"interactions\": [{\"type\": "
                "\"Synchronous/HTTP\", \"description\": \"d\", \"request\": {%s}, \"response\": {%s}}], \"metadata\": "
                "{\"pactSpecification\": {\"version\": \"4.0\"}}}",
                request, response);
    if (pact_parse(text_bytes(&text), "p.json", &p, &err) != 0)
        fail_msg("%s:%d:%d: %s in %s", err.file, err.line, err.column, err.message, text_string(&text));
    text_deinit(&text);
    return p;
}

#endif
