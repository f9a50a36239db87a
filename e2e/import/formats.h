/* The formats there are: a row here, one in import.c, a folder beside this file. */
#ifndef E2E_IMPORT_FORMATS_H
#define E2E_IMPORT_FORMATS_H

#include "e2e/import/import.h"

extern const struct import_format import_hurl, import_gctf, import_examples, import_runn, import_postman;

#endif
