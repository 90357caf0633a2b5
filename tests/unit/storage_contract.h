/* storage_contract: what every storage promises (edge/storage.h), as checks that its test runs on it. */
#ifndef TESTS_UNIT_STORAGE_CONTRACT_H
#define TESTS_UNIT_STORAGE_CONTRACT_H

#include "edge/storage.h"

/* The storage must be empty. */
void storage_contract(struct storage *);

#endif
