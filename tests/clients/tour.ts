// A walk through the API with a client that knows the contract's types. Prints what it was answered.
import createClient from "openapi-fetch";

import type { paths } from "./api.d.ts";

declare const process: { env: Record<string, string | undefined> };

const baseUrl = process.env["BASE_URL"] ?? "";
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${process.env["TOKEN"]}` } });

const created = await api.POST("/v1/tickets", {
  body: { title: "VPN drops every ten minutes", description: "On Wi-Fi and on cable." },
});
const ticket = created.data;
if (!ticket) throw new Error(JSON.stringify(created.error));

const listed = await api.GET("/v1/tickets", {
  params: { query: { status: ["NEW", "OPEN"], reporterId: ["me"], limit: 100 } },
});
const path = { id: ticket.id };
const moved = await api.POST("/v1/tickets/{id}/transitions", {
  params: { path, header: { "If-Match": created.response.headers.get("ETag") ?? "" } },
  body: { to: "OPEN" },
});
const stale = await api.PATCH("/v1/tickets/{id}", {
  params: { path, header: { "If-Match": '"1"' } },
  body: { assignedToId: null },
});
const absent = await api.GET("/v1/tickets/{id}", { params: { path: { id: "00000000-0000-4000-8000-000000000000" } } });
const unknown = await createClient<paths>({ baseUrl }).GET("/v1/users/me");

console.log(
  JSON.stringify({
    created: [created.response.status, ticket.status, ticket.type],
    found: listed.data?.some((each) => each.id === ticket.id),
    moved: [moved.response.status, moved.data?.status],
    stale: [stale.response.status, stale.error?.code],
    absent: [absent.response.status, absent.error?.code],
    unknown: [unknown.response.status, unknown.error?.code],
  }),
);
