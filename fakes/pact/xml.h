/* XML documents as trees, for matching: elements, attributes, text, CDATA, character references, the five entities of
 * XML 1.0, and namespaces (Namespaces in XML 1.0); names are "uri:local" where a namespace is in force, as Pact's
 * reference implementation writes them. Comments and processing instructions are passed over. A document type
 * declaration is refused: a message is data, and what it declares could be anything. UTF-8 only.
 *
 * Of values it is told where they stand, so that others can be put in their place and all else stays as it was.
 *
 * All lives in the arena. Limits: XML_DEPTH_MAX elements deep. Private to fakes/pact. */
#ifndef FAKES_PACT_XML_H
#define FAKES_PACT_XML_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#define XML_DEPTH_MAX 100

struct xml_span { /* bytes of the document */
    size_t at, len;
};

struct xml_attribute {
    const char *name, *value;
    const char *written;  /* the name as it stands there: "prefix:local" */
    struct xml_span span; /* of what is between the quotes */
    struct xml_attribute *next;
};
struct xml_run { /* of text that is not blank, without the blanks around it */
    struct xml_span span;
    struct xml_run *next;
};
struct xml_element {
    const char *name, *written;
    const char *text; /* all of it, each run trimmed; never NULL */
    struct xml_run *runs;
    size_t end;                       /* where its end tag begins, or its "/>" */
    struct xml_attribute *attributes; /* without xmlns */
    struct xml_element *children, *next;
};

/* Errors have a line and a column, and `name` for their file. */
int xml_parse(struct bytes in, const char *name, struct arena *arena, struct xml_element **root, struct error *err);

#endif
