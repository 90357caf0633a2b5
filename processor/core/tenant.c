#include "core/tenant.h"

const struct tenant_settings *tenant_book_find(
	const struct tenant_book *book, struct slice tenant_id)
{
	for (uint32_t i = 0; i < book->tenant_count; i++)
		if (slice_is(tenant_id, book->tenants[i].tenant_id))
			return &book->tenants[i];
	return &book->fallback;
}
