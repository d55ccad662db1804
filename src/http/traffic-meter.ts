/** Counts the bytes of bodies exchanged with other processes. */
import type { Metrics } from '../kernel/metrics.ts';

/** A callback for the wire, with its counters bound. */
export function trafficMeter(metrics: Metrics): (sentBytes: number, receivedBytes: number) => void {
  const sent = metrics.counter('torua_network_traffic_bytes_total', { direction: 'sent' });
  const received = metrics.counter('torua_network_traffic_bytes_total', { direction: 'received' });
  return (sentBytes, receivedBytes) => {
    sent.add(sentBytes);
    received.add(receivedBytes);
  };
}
