/* XPath 1.0 over HTML and XML, by libxml2, which is opened when it is first needed. HTML is taken as browsers take it,
 * however broken; XML may be broken too as long as it has a root. Nothing outside the text is ever read: no entities
 * of files, no DTDs, no network. */
#ifndef E2E_XPATH_H
#define E2E_XPATH_H

#include "base/bytes.h"
#include "base/error.h"

#include <jansson.h>

struct xpath_document;
/* ERROR_INVALID: no HTML or XML. */
int xpath_open(struct bytes text, bool html, struct xpath_document **out, struct error *err);
void xpath_close(struct xpath_document *d);

/* *out, a new reference: a text, a number, true or false as the expression gives them; nodes are {"$nodes": [...]}, the
 * text of each in the document's order. In XML, prefixes are those the document declares, and "_" is its first
 * namespace without one. ERROR_SYNTAX: no expression; ERROR_LIMIT. */
int xpath_ask(const struct xpath_document *d, const char *expression, json_t **out, struct error *err);
/* For one expression. */
int xpath_find(struct bytes document, bool html, const char *expression, json_t **out, struct error *err);
/* 0 when it is an expression. */
int xpath_check(const char *expression, struct error *err);

#endif
