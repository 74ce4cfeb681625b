DROP TABLE gateway_events;
DROP TABLE order_history;
DROP TABLE payments;
DROP TABLE order_lines;
DROP TABLE orders;
DROP FUNCTION orders_check_edge;
